# Merlin in one image: every process, chosen by the command (run, daemon, bot, api, engine).
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
# git reads the repository of datasets; its version is Debian's, which mends it under one name.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 merlin \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/merlin \
        --shell /usr/sbin/nologin merlin \
    && install -d -o 10001 -g 10001 -m 700 /var/lib/merlin
# What Merlin runs on, each package by its hash: a layer that a new version of Merlin leaves as it is.
WORKDIR /opt/merlin
COPY requirements-build.txt requirements.txt ./
RUN python3 -m venv . \
    && bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements-build.txt \
    && bin/python -m pip install --no-cache-dir --no-deps --require-hashes --no-build-isolation -r requirements.txt
# Built from a copy: building writes beside the sources.
RUN --mount=type=bind,target=/src \
    mkdir /tmp/src \
    && cp -R /src/merlin /src/datasets /src/datasets-en /src/datasets-lora /src/pyproject.toml \
        /src/setup.py /src/README.md /src/requirements.in /tmp/src \
    && bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation /tmp/src \
    && rm -r /tmp/src
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="Merlin" \
    org.opencontainers.image.description="Commit examples, get a fine-tuned model, talk to it in Telegram" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/merlin/bin:$PATH \
    HOME=/var/lib/merlin
USER 10001:10001
WORKDIR /var/lib/merlin
VOLUME /var/lib/merlin
EXPOSE 8701 8702
# Of `merlin run`; a container of one process names that process instead.
HEALTHCHECK --interval=10s --timeout=8s --start-period=30s --retries=3 \
    CMD ["merlin", "health", "api", "--config", "/etc/merlin/config.yaml"]
ENTRYPOINT ["merlin"]
CMD ["run", "--config", "/etc/merlin/config.yaml"]
