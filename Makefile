GO ?= go

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build and start everything, with a demo world to look at
	bin/gatehouse serve --dev --demo

.PHONY: build
build: ## Build bin/gatehouse
	@echo "building bin/gatehouse (the first time compiles SpiceDB: about 4 minutes on 2 cores)"
	@$(GO) build -o bin/gatehouse ./cmd/gatehouse

.PHONY: test
test: zed spicedb postgres redis ## Set up what the tests need, then run all of them
	@echo "running every test with the race detector (the first time compiles SpiceDB for it: about 6 minutes on 2 cores)"
	$(GO) test -race -timeout 45m $(SOME) $$($(GO) list ./... | grep -v /internal/oracle)
	@# The oracle plays in one goroutine, and a crowd at a database: the race detector finds nothing there and takes five times as long.
	$(GO) test -timeout 45m ./internal/oracle -rapid.seed=1
	$(GO) test -timeout 45m ./internal/operations -run '$(CROWD)'
	@# So does SpiceDB's consistency suite, of which the nine largest examples take as long as all the rest.
	$(GO) test -timeout 45m ./internal/spicedb/sqlite -run TestConsistency -skip '$(LARGE)'
	@# So do servers that are killed sixty times, several at once on a SpiceDB and a Postgres each, and tables of every request by everybody.
	$(GO) test -timeout 45m ./integration -run '$(SERVERS)'

LARGE = TestConsistency/(sharewith|teamwitharrow|quay|lookupsametypes|linuxfoundation|directgroups|indirectnestedgroups|document|multipleops)\.yaml
CROWD = TestAdminsWhoReduceEachOther|TestRivalRolesNeverMeet|TestOnePersonUpgradedRemovedAndReactivatedAtOnce
SERVERS = TestKilledAtAnyPoint|TestReplicas|TestEveryoneMayDoWhatTheRulesSay|TestEveryRouteRefuses|TestNobodyLearnsWhoIsKnown
# The program of the image is compiled from scratch, for it alone, as are all that it is made of: make test-long.
IMAGE = TestTheImage
SOME = -skip '$(CROWD)|$(SERVERS)|$(IMAGE)|TestConsistency'

.PHONY: test-long
test-long: zed spicedb postgres redis ## Run every test at its full length, as every night
	GATEHOUSE_TEST_KILLS=200 GATEHOUSE_TEST_HUNT=10m GATEHOUSE_TEST_OVERLOAD=1m $(GO) test -race -timeout 120m $$($(GO) list ./... | grep -v /internal/oracle)
	GATEHOUSE_TEST_SEQUENCES=10000 $(GO) test -timeout 120m ./internal/oracle
	@$(MAKE) -s fuzz

# Every function Fuzz… there is, as ./folder:name.
TARGETS = $$(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed 's|/[^/]*_test.go:func |:|' | grep -E '$(FUZZ)' | sort)
FUZZ = .
FUZZTIME = 60s

.PHONY: fuzz
fuzz: ## Try random input on every parser for a minute each (FUZZTIME=, FUZZ=some of the names)
	@targets="$(TARGETS)"; of=$$(echo "$$targets" | wc -l); n=0; failed=; \
	for target in $$targets; do \
		n=$$((n + 1)); echo "fuzzing $$n of $$of for $(FUZZTIME): $$target"; \
		$(GO) test $${target%:*} -run '^$$' -fuzz "^$${target#*:}\$$" -fuzztime $(FUZZTIME) || failed="$$failed $$target"; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

.PHONY: lint
lint: bin/gofumpt bin/staticcheck bin/oapi-codegen vulnerabilities ## Check formatting, code, and that generated files are current
	@test -z "$$(bin/gofumpt -l client cmd internal integration schema tools | tee /dev/stderr)" || (echo "run: bin/gofumpt -w client cmd internal integration schema tools"; exit 1)
	$(GO) vet ./... && $(GO) vet -tags killpoints ./internal/server
	bin/staticcheck ./... && bin/staticcheck -tags killpoints ./internal/server
	$(GO) mod tidy -diff
	@before=$$(cat $(GENERATED) | sha256sum) && $(MAKE) -s generate && test "$$before" = "$$(cat $(GENERATED) | sha256sum)" \
		|| (echo "what is generated was not current, and is now: commit it"; exit 1)

.PHONY: vulnerabilities
vulnerabilities: bin/govulncheck ## Look for known vulnerabilities of what is called (GOVULNDB=URL, WITHOUT_VULNDB=1)
	@cd tools/lint && $(GO) vet ./vulnerabilities && $(GO) test ./vulnerabilities
ifdef WITHOUT_VULNDB
	@echo "vulnerabilities: NOT looked for, because WITHOUT_VULNDB is set"
else
	@bin/govulncheck -format json $(if $(GOVULNDB),-db $(GOVULNDB)) ./... >bin/vulnerabilities.json || { \
		echo "govulncheck could not finish. If it did not reach its database, $(or $(GOVULNDB),https://vuln.go.dev), name a copy with GOVULNDB=https://…"; \
		echo "or GOVULNDB=file:///…, or have everything else checked with WITHOUT_VULNDB=1."; exit 1; }
	@cd tools/lint && $(GO) run ./vulnerabilities vulnerabilities.md <../../bin/vulnerabilities.json
endif

GENERATED = internal/httpapi/openapi.gen.go docs/configuration.md deploy/grafana/gatehouse.json deploy/prometheus/gatehouse.rules.yaml

.PHONY: generate
generate: bin/oapi-codegen ## Generate code from the contract, and files from code
	@cd internal/httpapi && ../../bin/oapi-codegen -config oapi-codegen.yaml openapi.yaml
	@# Handlers get the context of the request, which outlives it, not the one that gin recycles.
	@sed -i "s/return sh\.ssi\.\([A-Za-z]*\)(ctx, /return sh.ssi.\1(ctx.Request.Context(), /" internal/httpapi/openapi.gen.go
	@# docs/configuration.md, and what is in deploy/prometheus and deploy/grafana.
	@$(GO) test ./internal/config ./internal/monitoring -run 'TestTheReferenceIsCurrent|TestFilesAreCurrent' -count=1 -update >/dev/null

.PHONY: bench
bench: build spicedb openfga redis ## Run Gatehouse beside its peers, and write docs/benchmarks.md
	$(GO) run ./integration/bench $(BENCH)

.PHONY: bench-go
bench-go: ## Run the benchmarks of single packages
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m ./internal/...

.PHONY: zed
zed: bin/zed ## Build bin/zed, SpiceDB's own command line

bin/zed: tools/go.mod tools/go.sum
	@echo "building bin/zed (the first time: about 4 minutes on 2 cores)"
	@cd tools && $(GO) build -o ../bin/zed github.com/authzed/zed/cmd/zed

.PHONY: spicedb
spicedb: bin/spicedb ## Build bin/spicedb, the server that runs by itself

bin/spicedb: go.mod
	@echo "building bin/spicedb (the first time: about 4 minutes on 2 cores)"
	@$(GO) build -o bin/spicedb github.com/authzed/spicedb/cmd/spicedb

.PHONY: openfga
openfga: bin/openfga ## Build bin/openfga, which the benchmarks run beside Gatehouse

bin/openfga: tools/openfga/go.mod tools/openfga/go.sum
	@echo "building bin/openfga (the first time: about 4 minutes on 2 cores)"
	@cd tools/openfga && $(GO) build -o ../../bin/openfga github.com/openfga/openfga/cmd/openfga

.PHONY: redis
redis: ## Install Redis, if it is missing
	@command -v redis-server >/dev/null || { \
		echo "installing Redis, which the tests and benchmarks start"; \
		sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server; }

.PHONY: postgres
postgres: ## Install the programs of Postgres, if they are missing
	@command -v pg_ctl >/dev/null || ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || { \
		echo "installing Postgres, which the tests start"; \
		sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; }

bin/gofumpt: PACKAGE = mvdan.cc/gofumpt
bin/staticcheck: PACKAGE = honnef.co/go/tools/cmd/staticcheck
bin/oapi-codegen: PACKAGE = github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
bin/govulncheck: PACKAGE = golang.org/x/vuln/cmd/govulncheck
bin/gofumpt bin/staticcheck bin/oapi-codegen bin/govulncheck: tools/lint/go.mod tools/lint/go.sum
	@cd tools/lint && $(GO) build -o ../../$@ $(PACKAGE)
