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
	Corpus        string `json:"corpus"` // spdx300k or synth
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
	// Table is the store's own dictionary, rows and index, in whole pages of SQLite's
	// file: what IndexBytes are not.
	Table                  int64   `json:"dictionaryTableBytes"`
	PerOccurrenceWithTable float64 `json:"bytesPerOccurrenceWithTable"`

	// Originals is how many of the documents were written out, as SPDX, and taken in
	// durably: hashed, decoded, packed, indexed, committed and visible. The others were
	// told to the index only.
	Originals        int     `json:"originals"`
	OriginalBytes    int64   `json:"originalBytes"`
	Stored           int64   `json:"storedBytes"`    // of OriginalBytes, packed, in whole pages
	OriginalsShare   float64 `json:"originalsShare"` // Stored ÷ OriginalBytes
	Database         int64   `json:"databaseBytes"`  // everything that the intake left in the file
	Intake           float64 `json:"intake_s"`
	Scored           int     `json:"scored"`    // of Originals, judged within Intake: their scores are on disk
	Hashing          float64 `json:"hashing_s"` // SHA-256 of OriginalBytes and nothing else, between: what the machine gave meanwhile
	IntakeDocuments  float64 `json:"documentsPerSecond"`
	IntakeComponents float64 `json:"componentsPerSecond"`
	IntakeMegabytes  float64 `json:"megabytesPerSecond"`

	// Archive and Purge are what retention did with a tenth of Originals, which may be
	// deployed no longer: they left the index, and later their rows and bytes were removed.
	Archive BenchRetained `json:"archive"`
	Purge   BenchRetained `json:"purge"`

	Index float64   `json:"index_s"` // rows, dictionary, postings and checkpoints of all documents
	Open  float64   `json:"open_s"`
	Query Quantiles `json:"query_ms"` // each of another component: nothing of it was asked before
	// Match is matching every distinct component with as many advisories as questions
	// were asked; Advisory is asking for one of them.
	Match    float64   `json:"match_s"`
	Advisory Quantiles `json:"advisory_ms"`
	// Drop is of a tenth of the documents out of the index alone, with the checkpoint after; DropWritten is
	// what that had to write.
	Drop        float64 `json:"drop_s"`
	DropWritten int64   `json:"dropWrittenBytes"`
	Heap        float64 `json:"heap_mb"` // live after opening
	RSS         float64 `json:"rss_mb"`  // the most memory held up to here, the making of documents included, durable intake not
}

// BenchRetained is one run of retention over a catalogue.
type BenchRetained struct {
	Documents int     `json:"documents"`    // that it archived or purged
	Look      float64 `json:"look_s"`       // finding out what is due, and nothing else
	CPU       float64 `json:"cpu_s"`        // the run, finding out included
	Written   *int64  `json:"writtenBytes"` // to the file and its log; null where the system does not count
}

func (r *BenchRetained) text(of int64) string {
	written := "bytes written are not counted on this system"
	if r.Written != nil {
		written = fmt.Sprintf("%d bytes written, of a database of %d", *r.Written, of)
	}
	return fmt.Sprintf("%10.3f s for %d documents, %.3f of that to find them; %s", r.CPU, r.Documents, r.Look, written)
}

func benchIndexTable(w io.Writer, b *BenchIndex, o Options) error {
	p := newPrinter(w, o)
	scored := "without scores"
	if b.Scored > 0 {
		scored = fmt.Sprintf("%d scored", b.Scored)
	}
	p.text(fmt.Sprintf(`%d documents, %d occurrences of %d components (seed %d)
%s; times are CPU time on one processor

  bytes an occurrence          %10.2f    rows %.2f, postings %.2f, dictionary %.2f; with the store's dictionary %.2f
  index all                    %10.3f s
  open                         %10.3f s
  a question                   %10.3f ms (p99 %.3f)
  match all with advisories    %10.3f s
  an advisory                  %10.3f ms (p99 %.3f)
  drop a tenth of the index    %10.3f s, %d bytes written
  durable intake               %10.3f s for %d documents: %.0f a second, %.0f components, %.0f MB; %s
  SHA-256 of the same alone    %10.3f s, %.0f MB a second
  originals                    %10.3f of %d bytes
  retention archives a tenth   %s
  retention purges a tenth     %s
  live heap, peak memory       %10.0f MB, %.0f MB`,
		b.Documents, b.Occurrences, b.Components, b.Seed, b.Machine,
		b.PerOccurrence, per(b.Rows, b.Occurrences), per(b.Postings, b.Occurrences), per(b.Dictionary, b.Occurrences), b.PerOccurrenceWithTable,
		b.Index, b.Open, b.Query.P50, b.Query.P99, b.Match, b.Advisory.P50, b.Advisory.P99, b.Drop, b.DropWritten,
		b.Intake, b.Originals, b.IntakeDocuments, b.IntakeComponents, b.IntakeMegabytes, scored, b.Hashing, float64(b.OriginalBytes)/1e6/max(b.Hashing, 1e-9), b.OriginalsShare, b.OriginalBytes,
		b.Archive.text(b.Database), b.Purge.text(b.Database), b.Heap, b.RSS))
	return p.done()
}

func per(bytes int64, n int) float64 { return float64(bytes) / float64(max(n, 1)) }
