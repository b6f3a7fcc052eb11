# voicebox: every target is a few lines; setup.sh makes what they stand on.
BIN := .venv/bin
PACKAGES := $(wildcard protos/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml gateway/pyproject.toml clients/python/pyproject.toml)
SERVICES := accounts catalog tts asr conversion jobs web gateway
BUF := .tools/buf/node_modules/.bin/buf
RUN := .venv/run$(if $(filter small,$(VOICEBOX_EMBEDDED)),-small).stamp
# For numpy and torch, whose steps here are too short to share. Whisper takes the cores there are, see ASR_THREADS.
export OMP_NUM_THREADS ?= 1

.PHONY: run run-apart pocket qwen3 orpheus rvc knnvc models demo test test-unit check bench bench-quick bench-gpu kokoro mms piper audioseal lock audit sbom images images-test protos clean help

run: $(RUN)  ## The whole platform in one process; Ctrl-C stops it
	@exec $(BIN)/voicebox serve $(SERVICES)

run-apart: $(RUN)  ## The same, one process for each service; all end when one fails
	@exec $(BIN)/voicebox serve --apart $(SERVICES)

kokoro piper: $(RUN)  ## Installs neural voices of many languages for a laptop: kokoro with its voices, piper's by `make models`
	@./setup.sh engine $@

mms: $(RUN)  ## Installs voices of over 1,100 languages, whose weights allow no commercial use; needs torch
	@./setup.sh engine $@

audioseal: $(RUN)  ## Installs torch for the inaudible watermark AudioSeal
	@./setup.sh engine $@

pocket qwen3: $(RUN)  ## Installs neural voices that clone and need torch: pocket for a laptop, qwen3 for a GPU
	@./setup.sh engine $@

orpheus: $(RUN)  ## Installs lively English voices for a GPU, which laugh and sigh; needs torch. Weights under Llama's licence, gated at the hub
	@./setup.sh engine $@

rvc knnvc: $(RUN)  ## Installs voice conversion that needs torch: rvc for voices that people own, knnvc for any, best on a GPU
	@./setup.sh engine $@

models: $(RUN)  ## Fetches the models that suit this machine; MODELS="models/whisper/base" names others
	@$(BIN)/python -m voicebox_models.fetch voicebox.tts.engines,voicebox.asr.engines,voicebox.conversion.engines $(MODELS)

demo: $(RUN)  ## A profile, speech in its voice, and what the recogniser hears
	@$(BIN)/python -m demo

test: .venv/dev.stamp .tools/buf.stamp  ## Everything that needs no GPU and no download
	@tests/run.sh

test-unit: .venv/dev.stamp  ## What needs no server, database or child process: seconds
	$(BIN)/pytest -q -m unit $$(grep -rl --include='test_*.py' 'pytest.mark.unit' tests)

check: .venv/dev.stamp .tools/protoc.stamp .tools/buf.stamp .tools/checkov.stamp  ## Style, types, imports, protos, manifests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BUF) lint protos/gen/voicebox/descriptors.binpb --config protos/buf.yaml
	$(BUF) breaking protos/gen/voicebox/descriptors.binpb --against protos/released.binpb --config protos/buf.yaml
	protos/check-generated.sh .tools/protoc/bin/python
	deploy/fetch-tools.sh
	deploy/check-security.sh
	$(BIN)/pytest -q tests/deploy

bench: .venv/dev.stamp  ## The figures of docs/benchmarks.md
	@$(BIN)/python -m bench.run

bench-quick: .venv/dev.stamp  ## The ratios of some of them, as CI prints them
	@$(BIN)/python -m bench.run --ratios tts whisper

bench-gpu: .venv/dev.stamp  ## Qwen3-TTS at its real sizes on this machine's GPU
	@$(BIN)/python -m bench.qwen3_gpu

protos: .tools/protoc.stamp  ## Regenerate protos/gen
	protos/generate.sh .tools/protoc/bin/python $(CURDIR)/protos/gen

help:  ## This list
	@sed -n 's/^\([a-z][a-z0-9 -]*\):.*  ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r name said; do printf 'make %-14s %s\n' "$$name" "$$said"; done

lock: .venv/dev.stamp  ## Pins what the images install, by hashes, after a change of requirements
	$(BIN)/python deploy/lock.py

audit: .venv/dev.stamp  ## Looks for known vulnerabilities of what the images install
	$(BIN)/uv venv --quiet --allow-existing .tools/audit
	$(BIN)/uv pip install --quiet --python .tools/audit/bin/python pip-audit==2.10.1
	$(BIN)/python deploy/audit.py .tools/audit/bin/pip-audit

sbom: .venv/dev.stamp  ## Writes what each image installs, as CycloneDX files, into out/sbom
	$(BIN)/uv venv --quiet --allow-existing .tools/sbom
	$(BIN)/uv pip install --quiet --python .tools/sbom/bin/python cyclonedx-bom==7.5.0
	$(BIN)/python deploy/sbom.py .tools/sbom/bin/cyclonedx-py

images:  ## Builds the images with buildah or docker; IMAGES="tts asr-cuda" names some
	@deploy/images.sh

images-test: .venv/dev.stamp  ## Starts the images that were built, with podman or docker, and checks what is in them
	$(BIN)/pytest -q -m containers tests/deploy/test_containers.py

clean:  ## Remove what these targets made, and keep var/, which holds your data
	rm -rf .venv .tools out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/run.stamp .venv/run-small.stamp: setup.sh constraints.txt $(PACKAGES)
	@./setup.sh run

.tools/packages.stamp: setup.sh
	@./setup.sh packages

.venv/dev.stamp: .tools/packages.stamp .venv/run.stamp requirements-dev.txt
	@./setup.sh dev

.tools/protoc.stamp: setup.sh
	@./setup.sh protos

.tools/buf.stamp: setup.sh .tools/packages.stamp
	@./setup.sh buf

.tools/checkov.stamp: setup.sh
	@./setup.sh checkov
