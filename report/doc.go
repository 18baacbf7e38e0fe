// Package report renders answers: one typed result, one handler for each
// output format. Tables are for people at a terminal, Markdown for those at a ticket,
// JSON and YAML are the contract of the command line, SARIF and JUnit are for
// pipelines; report/microseg writes the micro-segmentation SBOM, report/graph DOT
// and Mermaid, and report/html the self-contained page.
//
// It decides nothing: what is not in the answer is not printed. Every string
// that came from outside is made safe for the medium that it is printed to.
//
//	opts := report.Options{Format: "table", Width: 120}
//	err := report.Write(os.Stdout, answer, opts)
//	if ident.KindOf(err) == ident.KindUsage { … }
package report
