-- pgvector: its version, the columns of its types, and the indexes over them (over an expression too).
select json_build_object(
  'version', (select extversion from pg_extension where extname = 'vector'),
  'available', (select default_version from pg_available_extensions where name = 'vector'),
  'columns', (select json_agg(json_build_object(
      'schema', n.nspname,
      'table', c.relname,
      'column', a.attname,
      'type', t.typname,
      'dimensions', a.atttypmod,
      'rows', c.reltuples::bigint,
      'indexes', (select json_agg(json_build_object(
          'name', ic.relname, 'method', m.amname, 'valid', i.indisvalid, 'bytes', pg_relation_size(ic.oid)))
        from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_am m on m.oid = ic.relam
        where i.indrelid = c.oid and m.amname in ('hnsw', 'ivfflat')
          and exists (select from pg_depend p where p.classid = 'pg_class'::regclass and p.objid = ic.oid
            and p.refclassid = 'pg_class'::regclass and p.refobjid = c.oid and p.refobjsubid = a.attnum))))
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = a.atttypid
    where t.typname in ('vector', 'halfvec', 'sparsevec') and c.relkind in ('r', 'p', 'm')
      and not a.attisdropped and n.nspname not in ('pg_catalog', 'information_schema'))
)
