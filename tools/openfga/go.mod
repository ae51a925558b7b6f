// OpenFGA, which the benchmarks run beside Gatehouse, with dependencies of its own.
// Build it here: go build -o ../../bin/openfga github.com/openfga/openfga/cmd/openfga
module github.com/gatehouse/gatehouse/tools/openfga

go 1.26.2

tool github.com/openfga/openfga/cmd/openfga

require github.com/openfga/openfga v1.22.1 // indirect
