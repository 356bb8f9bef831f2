# The engine with its PBX. Every step runs the script that `make setup` runs, so the tests exercise what is built here.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS built
WORKDIR /opt/yobirin
COPY deploy/setup deploy/setup
RUN sh deploy/setup/setup.sh asterisk
COPY pyproject.toml requirements.lock requirements-dev.lock ./
COPY ivr ivr
COPY tts tts
RUN sh deploy/setup/setup.sh --runtime venv console

FROM ${BASE}
COPY --from=built /opt/yobirin /opt/yobirin
COPY asterisk_conf /opt/yobirin/asterisk_conf
COPY scenarios /opt/yobirin/scenarios
COPY deploy/container/ivr.yaml /etc/yobirin/ivr.yaml
# A new named volume takes its owner from this folder; the rest of the image stays root's and may be read-only.
COPY --chown=10001:10001 deploy/container/data /var/lib/yobirin
ENV PATH=/opt/yobirin/.venv/bin:$PATH \
    HOME=/var/lib/yobirin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/yobirin
VOLUME /var/lib/yobirin
# SIP, then the metrics and health page; RTP takes the range in ivr.yaml.
EXPOSE 5060/udp 9464/tcp
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/healthz', timeout=4)"]
ENTRYPOINT ["ivr", "--config", "/etc/yobirin/ivr.yaml"]
CMD ["serve"]
