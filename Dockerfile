# The daemon as an image: no root, no build tools, no shell needed, and a read-only root file system
# is fine. State lives on the volume /data, the config in /etc/claude-uptime.
#
#   docker build -t claude-uptime .
#   docker run --read-only -v claude-uptime:/data -p 9595:9595 -e ANTHROPIC_API_KEY claude-uptime
#
# The base is named by tag. Whoever publishes an image pins it by digest at that moment:
#   docker build --build-arg PYTHON=python:3.13-slim@sha256:... .

ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
# Bytecode is bound to its source by hash: the layers of an image round the times of files, and then
# every second module would be compiled anew at each start.
ENV UV_COMPILE_BYTECODE=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/claude-uptime
WORKDIR /src
RUN pip install --no-cache-dir uv==0.13.9
# Dependencies change less often than code: they have a layer of their own.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE ./
COPY config config
COPY monitor monitor
RUN uv sync --frozen --no-dev --no-editable

FROM ${PYTHON}
LABEL org.opencontainers.image.title="claude-uptime-monitor" \
      org.opencontainers.image.description="Synthetic uptime monitor for the products of Claude" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 monitor \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin monitor \
    && install -d -o 10001 -g 10001 /data
COPY --from=build /opt/claude-uptime /opt/claude-uptime
COPY config /etc/claude-uptime
# Modules were compiled at build time, so that nothing has to be written beside them now. The volume
# is all that can be written, so that temporary files (of SQLite, of `demo`) go there too.
ENV PATH=/opt/claude-uptime/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/data \
    CLAUDE_UPTIME_CONFIG=/etc/claude-uptime/claude.yaml
# The shipped config keeps its database in data/ of the working directory, which here is the volume.
WORKDIR /
VOLUME ["/data"]
USER 10001:10001
EXPOSE 9595
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
    CMD ["claude-uptime", "health"]
ENTRYPOINT ["claude-uptime"]
CMD ["run"]
