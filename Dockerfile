# An image that serves a model behind OpenAI's images API, the embedded one unless told otherwise:
#   docker build -t scalingar .
#   docker run -e SCALINGAR_API_KEY -p 8000:8000 scalingar

FROM python:3.11-slim-bookworm AS build
# Where torch comes from: the address of an index of CPU builds. Without it that of the usual index is taken, which on x86
# brings the libraries of a GPU along.
ARG TORCH_INDEX=""
# What is installed with scalingar; hf and t5 are for published models.
ARG EXTRAS="serve,hub"
WORKDIR /source
COPY constraints.txt pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/scalingar \
    && /opt/scalingar/bin/pip install --no-cache-dir --constraint constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && /opt/scalingar/bin/pip install --no-cache-dir --constraint constraints.txt ".[${EXTRAS}]"

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin scalingar
COPY --from=build /opt/scalingar /opt/scalingar
ENV PATH=/opt/scalingar/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/scalingar
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["scalingar", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["embedded"]
