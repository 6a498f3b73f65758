"""The nginx that stands before the reference and the seed's way."""

import shutil
from pathlib import Path

# What costs time is as in the image's own configuration: one process, bodies read whole before the application sees
# them, a new connection to a worker for each request.
CONFIGURATION = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream application {{ server unix:{socket} fail_timeout=0; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 6m;
    client_body_buffer_size 256k;
    proxy_buffers 64 16k;
    location / {{
      proxy_pass http://application;
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


def found() -> str | None:
    """Return nginx's program; None where it is not installed."""
    return shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")


def command(program: str, folder: Path, socket: Path, port: int) -> list[str]:
    """Write the configuration into a folder and return the command that runs it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, socket=socket, port=port))
    return [program, "-e", "stderr", "-p", str(folder), "-c", str(file)]
