# CKV_DOCKER_4
FROM python:3.13-slim
ADD . /opt/program
USER 10001
HEALTHCHECK CMD ["true"]
