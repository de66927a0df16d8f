# `make check` is everything that must hold; it installs with apt and pip what is missing.

VENV := .venv
PYTHON := $(VENV)/bin/python
QUANTITIES := log_density,score,denoiser,noise,covariance,responsibilities
EVAL := target/release/tweedie eval --bound --quantity $(QUANTITIES)
# Property tests draw their cases from the content of the commit's sources and tests: its verdict is one and the same on every
# machine, a change of words changes no verdict, and the next change of code searches elsewhere. `make search` draws anew, as
# often as ROUNDS says.
CODE := $(shell git rev-parse HEAD:src HEAD:tests 2>/dev/null | git hash-object --stdin | cut -c1-12)
export PROPTEST_RNG_SEED ?= $(shell printf '%d' 0x$(or $(CODE),1))
ROUNDS ?= 20

.PHONY: check format lint test kernels gpu carried judge examples lapack proofs search tools

check: format lint test kernels gpu carried judge examples lapack proofs

format:
	cargo fmt --all --check

lint:
	cargo clippy --release --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps

test: tools
	cargo test --release

search:
	for round in $$(seq $(ROUNDS)); do PROPTEST_RNG_SEED=$$(od -An -N6 -tu8 /dev/urandom | tr -d ' ') cargo test --release --no-fail-fast || exit 1; done

# The command line against an independent evaluation in Python at 80 digits.
judge: $(VENV)/ready
	cargo build --release
	$(PYTHON) tests/judge/test_judge.py
	rm -rf target/judge && $(PYTHON) tests/judge/judge.py generate --seed 1 --out target/judge
	$(PYTHON) tests/judge/judge.py run --cases target/judge --eval "$(EVAL)" > target/judge/f64.log || (cat target/judge/f64.log; false)
	tail -1 target/judge/f64.log
	$(PYTHON) tests/judge/judge.py run --cases target/judge --eval "$(EVAL)" --dtype f32 > target/judge/f32.log || (cat target/judge/f32.log; false)
	tail -1 target/judge/f32.log

# Every kernel compiled for three generations of GPU, with no GPU: docs/kernels.txt is what the compiler said.
kernels: $(VENV)/compiler
	cargo run --release --example kernel_sources -- target/kernels
	$(PYTHON) tests/cuda/compile.py target/kernels $$(echo $(VENV)/lib/python3*/site-packages/nvidia/cu13) target/kernels/report.txt
	diff docs/kernels.txt target/kernels/report.txt

# The launch code. NVRTC comes from its wheel; a GPU is used where there is one, and TWEEDIE_REQUIRE_GPU=1 demands it.
gpu: $(VENV)/nvrtc
	cargo clippy --release --features cuda --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --features cuda
	LD_LIBRARY_PATH="$$(echo $(CURDIR)/$(VENV)/lib/python3*/site-packages/nvidia/cu13/lib):$$LD_LIBRARY_PATH" TWEEDIE_REQUIRE_NVRTC=1 cargo test --release --features cuda --lib cuda
	cargo test --release --features cuda --test gpu --test cli_device

# Suite and timings in one archive for a machine with a GPU and no Rust (docs/gpu.md), tried here with no device.
carried:
	TWEEDIE_COMMIT=$$(git rev-parse HEAD) cargo build --release --features cuda --example carried
	rm -rf target/carried && mkdir -p target/carried/tweedie-gpu
	strip -o target/carried/tweedie-gpu/carried target/release/examples/carried
	cp benches/gpu/run.py benches/gpu/peers.py target/carried/tweedie-gpu
	objdump -T target/carried/tweedie-gpu/carried | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1 > target/carried/tweedie-gpu/NEEDS
	tar -C target/carried -czf target/tweedie-gpu.tar.gz tweedie-gpu
	python3 benches/gpu/test_carried.py target/tweedie-gpu.tar.gz

# Every command of the README, as it stands there.
examples: $(VENV)/ready
	cargo build --release
	PATH="$(CURDIR)/$(VENV)/bin:$(CURDIR)/target/release:$$PATH" bash tests/readme.sh README.md
	PATH="$(CURDIR)/$(VENV)/bin:$(CURDIR)/target/release:$$PATH" bash tests/readme.sh docs/training.md
	PATH="$(CURDIR)/$(VENV)/bin:$(CURDIR)/target/release:$$PATH" bash tests/readme.sh docs/resolvent.md
	PATH="$(CURDIR)/$(VENV)/bin:$(CURDIR)/target/release:$$PATH" bash tests/readme.sh docs/optimum.md

# The factorisation against LAPACK, on the system's OpenBLAS.
lapack: tools
	cargo test --release --features lapack --test eigen

# The theorems, checked by Coq.
proofs:
	$(MAKE) -C proofs

tools:
	dpkg -s libopenblas-dev pkg-config g++ >/dev/null 2>&1 || (apt-get update -q && apt-get install -y -q --no-install-recommends libopenblas-dev pkg-config g++)

$(VENV)/ready:
	python3 -m venv $(VENV) || (apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv && python3 -m venv $(VENV))
	$(VENV)/bin/pip install -q "numpy>=1.26,<3" "mpmath>=1.3,<2"
	touch $@

$(VENV)/nvrtc: $(VENV)/ready
	$(VENV)/bin/pip install -q nvidia-cuda-nvrtc==13.0.88
	touch $@

# The compiler's parts, each pinned: their own requirements are not.
$(VENV)/compiler: $(VENV)/ready
	$(VENV)/bin/pip install -q nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96
	touch $@
