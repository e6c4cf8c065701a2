"""For which Host a proxy passes requests on, read out of its configuration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.nginx import MAX_INCLUDES, configuration, host_for, parse, server_blocks

# Structured as the configuration that Letta ships: one server for letta.localhost, one that refuses the rest.
STOCK = """
user nginx;
events { worker_connections 1024; }   # a comment with } and ; and "
http {
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen 80;
    listen [::]:80;
    listen 8283;
    listen [::]:8283;
    server_name letta.localhost;
    location / {
      resolver 127.0.0.11;
      set $upstream "letta-server";
      proxy_set_header Host $host;
      proxy_pass http://$upstream:8283;
    }
  }
  server {
    listen 80 default_server;
    listen [::]:80 default_server;
    server_name _;
    return 404;
  }
}
"""


def hosts(text: str, port: int = 80) -> str | None:
    return host_for(server_blocks(parse(text)), port)


def test_lettas_stock_configuration() -> None:
    stock, refusing = server_blocks(parse(STOCK))
    assert (stock.ports, stock.names, stock.default, stock.passes) == (
        (80, 8283),
        ("letta.localhost",),
        False,
        True,
    )
    assert (refusing.ports, refusing.names, refusing.default, refusing.passes) == ((80,), ("_",), True, False)
    assert STOCK.splitlines()[stock.line - 1].strip() == "server {"
    assert hosts(STOCK) == "letta.localhost"
    assert hosts(STOCK, 8283) == "letta.localhost"
    assert hosts(STOCK, 443) is None


@pytest.mark.parametrize(
    ("block", "host"),
    [
        ("listen 80; server_name a.example b.example; location / { proxy_pass http://x; }", "a.example"),
        ("listen 80; location / { proxy_pass http://x; }", "localhost"),
        ("location / { proxy_pass http://x; }", "localhost"),
        ("listen 80; server_name _; location / { proxy_pass http://x; }", "localhost"),
        ("listen 80; server_name ~^(?<sub>.+)\\.example$; location / { proxy_pass http://x; }", "localhost"),
        ('listen 80; server_name "~^a{2}\\.example$" real.example; proxy_pass http://x;', "real.example"),
        ("listen 80; server_name *.example.com; proxy_pass http://x;", "letta.example.com"),
        ("listen 80; server_name .example.com; proxy_pass http://x;", "example.com"),
        ("listen 127.0.0.1:80; server_name a; location / { if ($x) { proxy_pass http://x; } }", "a"),
        ("listen [::1]:80; server_name a; proxy_pass http://x;", "a"),
        ("listen [::]; server_name a; proxy_pass http://x;", "a"),
        ("listen *:80 ssl http2; server_name 'a'; proxy_pass http://x;", "a"),
        ("listen 80; server_name a; return 404;", None),
        ("listen 8080; server_name a; proxy_pass http://x;", None),
        ("listen unix:/run/nginx.sock; server_name a; proxy_pass http://x;", None),
        (f"listen {'9' * 5000}; server_name a; proxy_pass http://x;", None),
        ("listen 80; server_name a; location /x { grpc_pass grpc://x; }", "a"),
    ],
)
def test_the_host_of_a_server_block(block: str, host: str | None) -> None:
    assert hosts(f"http {{ server {{ {block} }} }}") == host
    assert hosts(f"server {{ {block} }}") == host, "included files stand alone in a dump"


def test_an_upstreams_servers_are_no_server_blocks() -> None:
    text = "upstream x { server a:8283; server b:8283 backup; } server { listen 80; proxy_pass http://x; }"
    assert len(server_blocks(parse(text))) == 1


def test_the_first_block_of_a_port_is_its_default() -> None:
    text = "server { listen 80; return 444; } server { listen 80; proxy_pass http://x; }"
    assert hosts(text) is None
    assert (
        hosts("server { listen 80; proxy_pass http://x; } server { listen 80; return 444; }") == "localhost"
    )


def test_words_quotes_comments_and_lines() -> None:
    text = '# first\nlog_format main \'$remote_addr; "{"\' "a\\"b" ${var}x;\nserver { # } \n listen 80;\n}'
    log, server = parse(text)
    assert (log.name, log.line) == ("log_format", 2)
    assert log.words == ("main", '$remote_addr; "{"', 'a\\"b', "${var}x")
    assert server.line == 3
    assert server.block is not None
    assert (server.block[0].name, server.block[0].line) == ("listen", 4)


@pytest.mark.parametrize("length", range(0, len(STOCK), 7))
def test_a_cut_text_gives_what_it_still_holds(length: int) -> None:
    assert hosts(STOCK[:length]) in {None, "letta.localhost", "localhost"}


@pytest.mark.parametrize(
    "text",
    [
        "}",
        "}}; server { listen 80; proxy_pass x; }",
        'a "never closed; server {',
        "{" * 500,
        "${" * 500,
        "\\",
    ],
)
def test_an_unbalanced_text_is_no_error(text: str) -> None:
    parse(text)


def test_a_stray_brace_hides_nothing_behind_it() -> None:
    assert hosts("} server { listen 80; proxy_pass x; }") == "localhost"


FOLDER = {
    "/etc/nginx/nginx.conf": b"http {\n include mime.types;\n include /etc/nginx/conf.d/*.conf;\n}",
    "/etc/nginx/conf.d/a.conf": b"server { listen 80; include snippets/pass; }",
    "/etc/nginx/conf.d/b.conf.bak": b"server { listen 81; proxy_pass http://x; }",
    "/etc/nginx/snippets/pass": b"server_name letta.example;\n location / { proxy_pass http://x; }",
    "/etc/nginx/other.conf": b"server { listen 80; server_name other; proxy_pass http://x; }",
}


def test_what_a_configuration_includes_is_read_where_it_stands() -> None:
    (block,) = server_blocks(configuration(FOLDER))
    assert (block.ports, block.names, block.passes) == ((80,), ("letta.example",), True)


def test_a_configuration_that_includes_itself_ends() -> None:
    text = b"include nginx.conf; include a; server { listen 80; proxy_pass x; }"
    files = {"/etc/nginx/nginx.conf": text, "/etc/nginx/a": b"include nginx.conf; \xff\xfe"}
    assert len(server_blocks(configuration(files))) == 1
    assert configuration({}) == ()


def test_a_star_passes_no_slash_and_no_leading_dot() -> None:
    files = {
        "/etc/nginx/nginx.conf": b"include conf.d/*; include ./sites/*.conf;",
        "/etc/nginx/conf.d/deep/a.conf": b"server { listen 81; }",
        "/etc/nginx/conf.d/.hidden": b"server { listen 82; }",
        "/etc/nginx/conf.d/a": b"server { listen 83; }",
        "/etc/nginx/sites/a.conf": b"server { listen 84; }",
    }
    assert [each.ports for each in server_blocks(configuration(files))] == [(83,), (84,)]


def test_includes_that_multiply_end_soon() -> None:
    """Each of 20 files takes the next one in ten times: 10^20 without a bound."""
    files = {
        f"/etc/nginx/{number}": f"include {number + 1};".encode() * 10 + b"server { listen 80; }"
        for number in range(20)
    }
    files["/etc/nginx/nginx.conf"] = b"include 0;"
    assert 0 < len(server_blocks(configuration(files))) <= MAX_INCLUDES


_PIECES = st.lists(
    st.sampled_from(("{", "}", ";", '"', "'", "#", "\n", "\\", "${", " ", "server", "listen", "80", "[::]:1"))
    | st.text(max_size=4),
    max_size=60,
).map(" ".join)


@given(st.text(max_size=200) | _PIECES)
def test_reading_never_fails(text: str) -> None:
    blocks = server_blocks(parse(text))
    for port in (80, 8283):
        host_for(blocks, port)
