package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/segment/cni"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// inputs are the flags that name what an answer is made from.
type inputs struct {
	estate     app.EstateInputs
	sboms      app.SBOMInputs
	advisories []string
	known      app.IntelligenceInputs
	reports    []string // of other scanners
	allNS      bool
	selector   string
	trust      *sbomTrust   // of commands that say who vouches for SBOMs; nil: others
	server     *serverFlags // of commands that a server answers; nil: it cannot
	source     *serverFlags // of commands that take SBOMs from a server; nil: others
	later      []laterFlag
}

// laterFlag is a flag of the contract that this version does not have. It is
// refused with a hint, never ignored.
type laterFlag struct {
	name, hint string
	value      string
}

func (in *inputs) estateFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVarP(&in.estate.Manifests, "filename", "f", nil, "manifests: `[CLUSTER=]PATH` of a file, folder or glob, or - for standard input; repeatable")
	f.StringVarP(&in.estate.Namespace, "namespace", "n", "", "`NAMESPACE` of objects that name none (default \"default\"); it filters nothing")
	f.BoolVarP(&in.allNS, "all-namespaces", "A", false, "all namespaces, as in kubectl; the input is always read whole, so this changes nothing")
	f.StringVar(&in.estate.EstateFile, "estate", "", "zones, owners, protected workloads: `FILE` (default cofferdam.yaml beside the input)")
	f.StringVar(&in.estate.CNI, "cni", "auto", "`PROFILE` of what enforces policies: auto (what the manifests show), "+strings.Join(cni.Names(), ", "))
	complete(c, "cni", fixed(append([]string{cni.Auto}, cni.Names()...)...))
	complete(c, "namespace", fixed())
	in.refuse(c, "kubeconfig", "this version reads no live cluster: kubectl get all,ns,netpol,ingress -A -o yaml | cofferdam … -f -")
	in.refuse(c, "context", "this version reads no live cluster: kubectl --context … get all,ns,netpol -A -o yaml | cofferdam … -f -")
	if in.server != nil {
		in.server.add(c)
		return
	}
	if in.source != nil {
		in.source.add(c)
		c.Long += "\n\n" + sourceHelp
		c.Flags().Lookup("server").Usage = "take the SBOMs of the images, and who vouches for them, from the server at `URL`; what runs and its policies are those of -f"
		return
	}
	in.refuse(c, "server", "a server knows what runs and what is in it, not the policies between: give the manifests with -f. cofferdam where QUERY --server URL says where it runs")
}

const sourceHelp = `With --server the SBOMs of the images come from a server's catalogue, beside those of
--sbom, and so does who vouches for them; manifests and advisories are still those of
this machine. Each image is asked for by its digests, or by its name where it runs by a
tag.`

// selectorFlag declares -l, which restricts what is listed and never what is
// read: an answer about some workloads hangs on the policies of all.
func (in *inputs) selectorFlag(c *cobra.Command, what string) {
	c.Flags().StringVarP(&in.selector, "selector", "l", "", "label `SELECTOR`, as in kubectl (app=web,tier in (front,back),!canary): "+what)
	complete(c, "selector", fixed())
}

const selectorHelp = `-l restricts which workloads are listed, by their own labels or, for keys that
they do not carry themselves, by those of their pods. It never restricts what is
read: policies, namespaces and workloads of the whole input decide every row.`

// selection is what -l selects; nil, which holds everything, without it.
func (in *inputs) selection(snap *inventory.Snapshot) (*inventory.Selection, error) {
	if in.selector == "" {
		return nil, nil //nolint:nilnil // the nil Selection is the one that holds everything
	}
	return snap.Select(in.selector)
}

func (in *inputs) sbomFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&in.sboms.Paths, "sbom", nil, "SBOMs: `PATH` of a file, folder or glob; any supported format; repeatable")
	f.StringArrayVar(&in.sboms.Maps, "image-map", nil, "`[REFERENCE=]FILE` with an OCI index or manifest (crane manifest REFERENCE); repeatable")
	f.StringArrayVar(&in.sboms.Aliases, "image-alias", nil, "`A=B`: images of name A are the same as those of name B; repeatable")
}

func (in *inputs) advisoryFlags(c *cobra.Command) {
	c.Flags().StringArrayVar(&in.advisories, "advisories", nil, "OSV records: `PATH` of a file, folder or zip archive (default: the local cache); repeatable")
}

// intelligenceFlags are what is known of vulnerabilities beside their advisories.
func (in *inputs) intelligenceFlags(c *cobra.Command) {
	const findings = "hold reports of Trivy, Grype, OSV-Scanner (JSON) or SARIF against the findings: `PATH` of a file or folder; repeatable"
	switch c.Name() {
	case "scan", "map", "where", "blast", "contain":
		c.Flags().StringArrayVar(&in.reports, "findings", nil, findings)
	default:
		in.refuse(c, "findings", "cofferdam blast --findings says what only other scanners report; a plan is made of what is found here")
	}
	c.Flags().StringArrayVar(&in.known.VEX, "vex", nil, "statements about vulnerabilities in products (OpenVEX, CSAF, CycloneDX): `PATH` of a file, folder or glob; repeatable")
	c.Flags().StringVar(&in.known.Trust, "vex-trust", "", "apply statements of the authors that `FILE` names only, and show the others' (default: apply all that --vex names)")
	c.Flags().StringVar(&in.known.KEV, "kev", "", "catalogue of vulnerabilities known to be exploited, as CISA publishes it: `FILE` of JSON")
	c.Flags().StringVar(&in.known.EPSS, "epss", "", "EPSS scores of a day: `FILE` of CSV, plain or compressed with gzip")
}

// refuse declares a flag of the contract that comes with a later version.
func (in *inputs) refuse(c *cobra.Command, name, hint string) {
	in.later = append(in.later, laterFlag{name: name, hint: hint})
	l := len(in.later) - 1
	c.Flags().StringVar(&in.later[l].value, name, "", "")
	if err := c.Flags().MarkHidden(name); err != nil {
		panic(err) // the flag was declared on the line above
	}
	pre := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if c.Flags().Changed(name) {
			return ident.Errorf(ident.KindUsage, "--%s is not in this version of %s", name, c.CommandPath()).WithHint("%s", hint)
		}
		if pre != nil {
			return pre(c, args)
		}
		return nil
	}
}

// arguments repeats the inputs as they would be typed again, for hints.
func (in *inputs) arguments() string {
	return repeated(slices.Concat(in.manifestWords(), in.source.words(), []word{{"--sbom", in.sboms.Paths}, {"--image-map", in.sboms.Maps}, {"--image-alias", in.sboms.Aliases},
		{"--advisories", in.advisories}, {"--kev", []string{in.known.KEV}}, {"--epss", []string{in.known.EPSS}},
		{"--vex", in.known.VEX}, {"--vex-trust", []string{in.known.Trust}}, {"--findings", in.reports}}, in.trust.words(), in.judgedBy()))
}

// estateArguments are those of arguments that name the estate alone, for commands
// that read nothing else.
func (in *inputs) estateArguments() string {
	return repeated(append(in.manifestWords(), in.judgedBy()...))
}

// word is a flag with its values; one without a flag has flags that take none.
type word struct {
	flag   string
	values []string
}

func (in *inputs) manifestWords() []word { return []word{{"-f", in.estate.Manifests}} }

func (in *inputs) judgedBy() []word {
	out := []word{{"--estate", []string{in.estate.EstateFile}}, {"-n", []string{in.estate.Namespace}}}
	if in.estate.CNI != cni.Auto {
		out = append(out, word{"--cni", []string{in.estate.CNI}})
	}
	return out
}

func repeated(words []word) string {
	var out []string
	for _, w := range words {
		for _, v := range w.values {
			switch {
			case v == "":
			case w.flag == "":
				out = append(out, quote(v))
			default:
				out = append(out, w.flag, quote(v))
			}
		}
	}
	return strings.Join(out, " ")
}

func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// loader reads for one command line.
func (e *env) loader() *app.Loader {
	l := &app.Loader{Files: app.Files{Stdin: e.stdin}, Progress: e.meter.at}
	if dir := os.Getenv("COFFERDAM_CACHE"); dir != "" {
		l.Cache = dir
	} else if dir, err := os.UserCacheDir(); err == nil {
		l.Cache = filepath.Join(dir, "cofferdam")
	}
	return l
}

// problems names every quarantined input on standard error and makes the
// answer incomplete.
func (e *env) problems(ps []app.Problem) {
	const most = 20
	if len(ps) > 0 {
		e.outcome.incomplete = true
	}
	for i, p := range ps {
		if i == most && !e.verbose {
			e.notef("… and %d more quarantined inputs (-v names them)", len(ps)-most)
			return
		}
		e.notef("quarantined: %s", p.String())
		if p.Hint != "" {
			e.notef("  hint: %s", p.Hint)
		}
	}
}

// snapshot reads everything and joins it.
func (e *env) snapshot(ctx context.Context, l *app.Loader, in *inputs) (*inventory.Snapshot, error) {
	_, snap, err := e.joined(ctx, l, in)
	return snap, err
}

// joined is snapshot with the estate that it was made from.
func (e *env) joined(ctx context.Context, l *app.Loader, in *inputs) (*app.Estate, *inventory.Snapshot, error) {
	at, err := e.now()
	if err != nil {
		return nil, nil, err
	}
	if in.trust != nil {
		if err := in.trust.check(e); err != nil {
			return nil, nil, err
		}
		if in.trust.verify || len(in.trust.said) > 0 {
			l.Contents = map[ident.Digest]ident.Digest{}
		}
	}
	est, err := l.Estate(ctx, in.estate)
	if err != nil {
		return nil, nil, err
	}
	docs, sbomProblems, err := l.SBOMs(ctx, in.sboms.Paths)
	if err != nil {
		return nil, nil, err
	}
	var knowledge app.Knowledge
	if in.source != nil && in.source.server != "" {
		theirs, trust, problems, err := e.serverSBOMs(ctx, l, in, est, at)
		if err != nil {
			return nil, nil, err
		}
		docs, sbomProblems, knowledge.Trust = append(docs, theirs...), append(sbomProblems, problems...), trust
	}
	if len(in.sboms.Paths) > 0 && len(docs)+len(sbomProblems) == 0 {
		e.notef("no SBOM was found in %s", strings.Join(in.sboms.Paths, ", "))
	}
	if n := est.PassedOver; n > 0 && len(est.Set.Estate.Workloads) == 0 {
		e.notef("%d files in %s hold no Kubernetes object and were passed over", n, strings.Join(in.estate.Manifests, ", "))
	}
	reported, reportProblems, err := l.Reports(ctx, est)
	if err != nil {
		return nil, nil, err
	}
	docs, sbomProblems = append(docs, reported...), append(sbomProblems, reportProblems...)
	db, advProblems, err := l.Advisories(ctx, in.advisories)
	if err != nil {
		return nil, nil, err
	}
	known, vexProblems, err := e.intelligence(ctx, l, in)
	if err != nil {
		return nil, nil, err
	}
	found, findingProblems, err := l.ScannerReports(ctx, in.reports)
	if err != nil {
		return nil, nil, err
	}
	if len(in.reports) > 0 && found == nil {
		found = []vuln.Reported{} // read, and without a finding
	}
	all := slices.Concat(est.Problems, sbomProblems, advProblems, vexProblems, findingProblems)
	e.problems(all)
	knowledge.Database, knowledge.Intelligence, knowledge.Reported = db, known, found
	snap, err := l.Join(ctx, est, docs, knowledge, in.sboms, len(all), at)
	if err != nil || in.trust == nil {
		return est, snap, err
	}
	asked, err := in.trust.trust(ctx, e, l, snap)
	if err != nil || asked == nil {
		return est, snap, err
	}
	knowledge.Trust = asked
	snap, err = l.Join(ctx, est, docs, knowledge, in.sboms, len(all), at)
	return est, snap, err
}

// serverSBOMs takes the SBOMs of the images of an estate from a server.
func (e *env) serverSBOMs(ctx context.Context, l *app.Loader, in *inputs, est *app.Estate, at time.Time) ([]*sbom.Document, *inventory.Trust, []app.Problem, error) {
	if e.at != "" {
		return nil, nil, nil, ident.Errorf(ident.KindUsage, "--at does not go with --server here: what runs is what the manifests of now say").
			WithHint("cofferdam where QUERY --server URL --at TIME says what ran then")
	}
	srv, err := e.client(ctx, in.source)
	if err != nil {
		return nil, nil, nil, err
	}
	defer srv.Close()
	runs, err := l.Join(ctx, est, nil, app.Knowledge{}, in.sboms, 0, at)
	if err != nil {
		return nil, nil, nil, err
	}
	return l.ServerSBOMs(ctx, srv, in.source.tenant, runs.ImageNames())
}

// intelligence reads what is known of vulnerabilities beside advisories.
func (e *env) intelligence(ctx context.Context, l *app.Loader, in *inputs) (*vuln.Intelligence, []app.Problem, error) {
	at, err := e.now()
	if err != nil {
		return nil, nil, err
	}
	in.known.At, in.known.Roots = at, e.publicRoot
	return l.Intelligence(ctx, in.known)
}
