package report

import (
	"fmt"
	"io"
)

// BenchVerify is the answer of bench verify. Times are milliseconds of CPU of the whole
// process on one processor, from a bundle's bytes to the fact, on average.
type BenchVerify struct {
	SchemaVersion string            `json:"schemaVersion"`
	Machine       string            `json:"machine"`
	Bundles       int               `json:"bundles"` // of each case, each signed by itself
	Cases         []BenchVerifyCase `json:"cases"`
}

// BenchVerifyCase is one way to sign.
type BenchVerifyCase struct {
	Name string `json:"name"`
	What string `json:"what"`
	// Warm is with a trusted root that was read before; Cold reads it anew for each bundle,
	// and so verifies the certificates above the leaf each time.
	Warm float64 `json:"warm_ms"`
	Cold float64 `json:"cold_ms"`
	// FloorWarm and FloorCold are what the signatures cost that must be verified, each once,
	// by single ones that were measured in the same process.
	FloorWarm float64 `json:"floor_warm_ms"`
	FloorCold float64 `json:"floor_cold_ms"`
	// Refused is what a refusal costs, with the search for its reason: of the same bundles
	// with the signature of another.
	Refused float64 `json:"refused_ms"`
	Bytes   int     `json:"bytes"` // of one bundle
}

func benchVerifyTable(w io.Writer, b *BenchVerify, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s, %d bundles of each", b.Machine, b.Bundles)
	rows := [][]string{}
	for _, c := range b.Cases {
		rows = append(rows, []string{c.Name, fmt.Sprintf("%.2f", c.Warm), fmt.Sprintf("%.2f", c.Cold), fmt.Sprintf("%.2f, %.2f", c.FloorWarm, c.FloorCold), fmt.Sprintf("%.2f", c.Refused), c.What})
	}
	p.blank()
	p.table([]column{{title: "CASE"}, {title: "WARM ms"}, {title: "COLD ms"}, {title: "FLOOR ms"}, {title: "REFUSED ms"}, {title: "WHAT"}}, rows)
	return p.done()
}
