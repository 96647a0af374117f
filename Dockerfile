# merkit for a CPU, with all that its commands can use but dlib (its landmark file is not free) and
# clusters; it needs no network when it runs.
#   docker build -t merkit .
#   docker run --rm --network none -v "$PWD:/data" merkit predict interview.mp4
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE CHANGELOG.md MANIFEST.in constraints.txt ./
COPY src src
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
# Builds of torch without the files for graphics cards; with a card, say that of its CUDA version.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY constraints.txt /wheels/constraints.txt
COPY --from=build /wheels /wheels
RUN python -m pip install --no-cache-dir --disable-pip-version-check \
        --extra-index-url "$TORCH_INDEX" --constraint /wheels/constraints.txt \
        "$(echo /wheels/merkit-*.whl)[app,explain,export,onnx]" \
    && rm -r /wheels \
    && merkit --version
# Whoever runs it ('docker run --user') can keep samples and caches there.
RUN mkdir --mode 1777 /cache /data && useradd --no-create-home --home-dir /cache merkit
ENV HOME=/cache HF_HUB_OFFLINE=1
USER merkit
VOLUME ["/data", "/cache"]
WORKDIR /data
ENTRYPOINT ["merkit"]
CMD ["--help"]
