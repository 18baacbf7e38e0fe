package report

import (
	"fmt"
	"io"
)

// BenchDocument is the answer of bench document: what taking in one long document takes.
type BenchDocument struct {
	SchemaVersion string `json:"schemaVersion"`
	Machine       string `json:"machine"`
	Shape         string `json:"shape"` // files, packages, cyclonedx
	About         string `json:"about"` // what is in it
	Bytes         int64  `json:"bytes"`
	Components    int    `json:"components"`
	// CPU is of the whole process, from the first byte that is read until the document is on
	// disk and is found by a component of it.
	CPU      float64 `json:"cpu_s"`
	RSS      float64 `json:"rss_mb"`        // the most memory that the process held
	Database int64   `json:"databaseBytes"` // everything that this left in the catalogue's file
}

func benchDocumentTable(w io.Writer, b *BenchDocument, o Options) error {
	p := newPrinter(w, o)
	p.text(fmt.Sprintf(`%s: %s
%s; times are CPU time on one processor

  the document              %10d bytes, %d components
  on disk and found         %10.3f s, %.0f MB a second
  peak memory               %10.0f MB
  in the catalogue          %10d bytes`,
		b.Shape, b.About, b.Machine, b.Bytes, b.Components, b.CPU, float64(b.Bytes)/1e6/max(b.CPU, 1e-9), b.RSS, b.Database))
	return p.done()
}
