"""What the screens are made of: `Table`, `RecordView` and `StripChart`, all on one base."""
