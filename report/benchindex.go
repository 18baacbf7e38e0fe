package report

import (
	"fmt"
	"io"
)

// BenchIndex is the answer of bench index. Times are CPU time of the whole
// process, garbage collection included, on one processor; making the documents is
// not in them.
type BenchIndex struct {
	SchemaVersion string `json:"schemaVersion"`
	Seed          uint64 `json:"seed"`
	Machine       string `json:"machine"`

	Documents   int `json:"documents"`
	Occurrences int `json:"occurrences"`
	Components  int `json:"components"` // distinct ones
	// IndexBytes are Rows, Postings, Dictionary and the manifest.
	IndexBytes    int64   `json:"indexBytes"`
	Rows          int64   `json:"rowBytes"`
	Postings      int64   `json:"postingBytes"`
	Dictionary    int64   `json:"dictionaryBytes"`
	Pieces        int     `json:"pieces"`
	PerOccurrence float64 `json:"bytesPerOccurrence"`
	Written       int64   `json:"writtenBytes"` // by checkpoints: pieces, merges included, and manifests

	Index float64   `json:"index_s"` // rows, dictionary, postings and checkpoints of all documents
	Open  float64   `json:"open_s"`
	Query Quantiles `json:"query_ms"` // each of another component: nothing of it was asked before
	// Match is matching every distinct component with as many advisories as questions
	// were asked; Advisory is asking for one of them.
	Match    float64   `json:"match_s"`
	Advisory Quantiles `json:"advisory_ms"`
	// Drop is of a tenth of the documents, with the checkpoint after; DropWritten is
	// what that had to write.
	Drop        float64 `json:"drop_s"`
	DropWritten int64   `json:"dropWrittenBytes"`
	Heap        float64 `json:"heap_mb"` // live after opening
	RSS         float64 `json:"rss_mb"`  // the most memory held, the making of documents included
}

func benchIndexTable(w io.Writer, b *BenchIndex, o Options) error {
	p := newPrinter(w, o)
	p.text(fmt.Sprintf(`%d documents, %d occurrences of %d components (seed %d)
%s; times are CPU time on one processor

  bytes an occurrence          %10.2f    rows %.2f, postings %.2f, dictionary %.2f
  index all                    %10.3f s
  open                         %10.3f s
  a question                   %10.3f ms (p99 %.3f)
  match all with advisories    %10.3f s
  an advisory                  %10.3f ms (p99 %.3f)
  drop a tenth                 %10.3f s, %d bytes written
  live heap, peak memory       %10.0f MB, %.0f MB`,
		b.Documents, b.Occurrences, b.Components, b.Seed, b.Machine,
		b.PerOccurrence, per(b.Rows, b.Occurrences), per(b.Postings, b.Occurrences), per(b.Dictionary, b.Occurrences),
		b.Index, b.Open, b.Query.P50, b.Query.P99, b.Match, b.Advisory.P50, b.Advisory.P99, b.Drop, b.DropWritten, b.Heap, b.RSS))
	return p.done()
}

func per(bytes int64, n int) float64 { return float64(bytes) / float64(max(n, 1)) }
