# Two stages: the first installs the pinned packages and trains the matcher, the second holds only what runs.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /venv
COPY requirements.lock ./
RUN /venv/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY storage storage
COPY intents intents
COPY locales locales
RUN /venv/bin/pip install --no-deps --no-build-isolation -e . \
 && mkdir -p /trained/models \
 && HOTLINE_DATA_DIR=/trained /venv/bin/hotline train

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin hotline \
 && mkdir /data && chown hotline /data
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build --chown=hotline /trained/models /data/models
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOTLINE_HOST=0.0.0.0 HOTLINE_DATA_DIR=/data HOTLINE_LOG_JSON=true
WORKDIR /app
USER hotline
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/ready', timeout=2)"]
CMD ["hotline", "serve", "--migrate"]
