package app

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/cni"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// Problem is one input that was quarantined: named, counted, and the only loss.
type Problem struct {
	Where   string // file:line, or file and pointer
	Message string
	Hint    string
}

// String is the line that a person reads.
func (p Problem) String() string { return p.Where + ": " + p.Message }

// EstateInputs are what the user says about the estate.
type EstateInputs struct {
	Manifests  []string // [CLUSTER=]PATH each, "-" for standard input
	Namespace  string   // of objects without one
	EstateFile string   // "" looks for cofferdam.yaml beside the manifests
	CNI        string   // profile name; "auto" or "" detects
}

// Estate is an estate with its reachability.
type Estate struct {
	Set      *manifest.Set
	Config   *estate.Config // never nil; empty without a file
	Graph    *segment.Graph
	Problems []Problem
	// PassedOver counts files of folders that hold no Kubernetes object.
	PassedOver int
}

// SBOMInputs are what the user says about artifacts.
type SBOMInputs struct {
	Paths   []string
	Maps    []string // --image-map files: [REFERENCE=]FILE
	Aliases []string // --image-alias A=B
}

// Loader reads inputs. The zero value reads the operating system's files and
// has no standard input and no advisory cache.
type Loader struct {
	Files
	// Cache is the folder of the advisory cache; "" for none.
	Cache string
	// Progress is told what is being done and how far it is: done of total, or
	// total 0 where that is not known. It is called from the goroutine that loads,
	// often, and must return at once. nil tells nobody.
	Progress func(stage string, done, total int)
	// Details asks for sbom.Details of every document.
	Details bool
	// Seen remembers packages between documents, for those who look at many and change none;
	// nil: nothing is remembered.
	Seen *spdx.Seen
	// Contents takes what each SBOM says by the digest of its bytes
	// (provenance.ContentDigest), where it is not nil.
	Contents map[ident.Digest]ident.Digest
	// Transport fetches policies that lie at an address; nil is the program's own, with the
	// proxies of the environment.
	Transport http.RoundTripper
}

func (l *Loader) progress(stage string, done, total int) {
	if l.Progress != nil {
		l.Progress(stage, done, total)
	}
}

// configName is the estate file that is looked for beside the manifests.
const configName = "cofferdam.yaml"

// Estate reads manifests and compiles reachability. A named file that cannot be
// opened is an error; content that cannot be understood is a problem.
func (l *Loader) Estate(ctx context.Context, in EstateInputs) (*Estate, error) {
	// A name that is wrong is told before anything is read.
	_, err := cni.For(in.CNI, &estate.Estate{})
	if err != nil {
		return nil, err
	}
	if len(in.Manifests) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "no manifests were named").
			WithHint("give files or folders with -f, or pipe them: kubectl get all,netpol,ns -A -o yaml | cofferdam … -f -")
	}
	var out Estate
	var inputs []manifest.Input
	var unread []estate.Fault
	stdinUsed := false
	for layer, arg := range in.Manifests {
		cluster, p := l.splitCluster(arg)
		if p == stdinName {
			if stdinUsed {
				return nil, ident.Errorf(ident.KindUsage, "-f - is given twice: standard input can be read once")
			}
			stdinUsed = true
		}
		files, err := l.manifests(ctx, p)
		if err != nil {
			return nil, err
		}
		for i, f := range files {
			l.progress("reading manifests", i, len(files))
			data, err := l.read(ctx, f.name)
			if ident.KindOf(err) == ident.KindLimit {
				unread = append(unread, unreadFault(cluster, f.name, err))
				continue
			}
			if err != nil {
				return nil, err
			}
			if !f.walked && looksLikeConfig(data) {
				return nil, ident.Errorf(ident.KindUsage, "is an estate file, and holds no manifests").At(f.name).
					WithHint("-f PATH of the manifests, --estate %s", f.name)
			}
			if f.walked && !looksLikeKubernetes(data) {
				out.PassedOver++
				continue
			}
			inputs = append(inputs, manifest.Input{Name: f.name, Cluster: cluster, Data: data, Layer: layer})
		}
	}
	if out.Config, err = l.config(ctx, in); err != nil {
		return nil, err
	}
	l.progress("decoding manifests", 0, 0)
	if out.Set, err = manifest.Decode(ctx, inputs, manifest.Options{DefaultNamespace: in.Namespace}); err != nil {
		return nil, err
	}
	out.Set.Estate.Faults = append(out.Set.Estate.Faults, unread...)
	for _, f := range out.Set.Estate.Faults {
		out.Problems = append(out.Problems, faultProblem(f))
	}
	l.progress("computing reachability", 0, 0)
	profile, err := cni.For(in.CNI, out.Set.Estate)
	if err != nil {
		return nil, err
	}
	model, err := k8s.Model(out.Set, profile)
	if err != nil {
		return nil, err
	}
	if out.Graph, err = segment.Build(ctx, model); err != nil {
		return nil, err
	}
	return &out, nil
}

// unreadFault is a file too large to be read. It may have held policies, so that
// it bears on every verdict of its cluster.
func unreadFault(cluster, name string, err error) estate.Fault {
	p := problemOf(name, err)
	return estate.Fault{Source: estate.Source{File: name, Item: -1}, Message: p.Message, Cluster: cluster, Bears: true}
}

func faultProblem(f estate.Fault) Problem {
	where := f.Source.File
	if f.Source.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, f.Source.Line)
	}
	msg := f.Message
	if f.Pointer != "" {
		msg = f.Pointer + ": " + msg
	}
	if f.Object != "" {
		msg = f.Object + ": " + msg
	}
	return Problem{Where: where, Message: msg}
}

// splitCluster reads [CLUSTER=]PATH. A path that exists as it stands is a path.
func (l *Loader) splitCluster(arg string) (cluster, name string) {
	before, after, ok := strings.Cut(arg, "=")
	if !ok || before == "" || strings.ContainsAny(before, "/\\.") {
		return "", arg
	}
	if _, err := l.stat(arg); err == nil {
		return "", arg
	}
	return before, after
}

// manifests lists the files of one -f and refuses folders whose content only
// a renderer can tell.
func (l *Loader) manifests(ctx context.Context, arg string) ([]file, error) {
	files, err := l.expand(arg, hasExt(".yaml", ".yml", ".json"))
	if err != nil {
		return nil, err
	}
	var out []file
	kustomized := map[string][]file{}
	for _, f := range files {
		dir, base := splitPath(f.name)
		if !f.walked && base != "kustomization.yaml" && base != "kustomization.yml" {
			out = append(out, f)
			continue
		}
		switch base {
		case "Chart.yaml":
			return nil, ident.Errorf(ident.KindUsage, "is a Helm chart: its templates are not manifests until they are rendered").At(dir).
				WithHint("helm template RELEASE %s | cofferdam … -f -", dir)
		case "kustomization.yaml", "kustomization.yml":
			listed, err := l.kustomization(ctx, f.name, dir)
			if err != nil {
				return nil, err
			}
			kustomized[dir] = listed
		case configName:
		default:
			out = append(out, f)
		}
	}
	// Files that a kustomization lists and that the walk did not reach.
	seen := map[string]bool{}
	for _, f := range out {
		seen[path.Clean(filepath.ToSlash(f.name))] = true
	}
	for _, listed := range kustomized {
		for _, f := range listed {
			if k := path.Clean(filepath.ToSlash(f.name)); !seen[k] {
				seen[k] = true
				out = append(out, f)
			}
		}
	}
	return out, nil
}

func splitPath(name string) (dir, base string) {
	slash := filepath.ToSlash(name)
	return path.Dir(slash), path.Base(slash)
}

// looksLikeKubernetes tells a manifest among the other files of a folder: some
// document of it has the words apiVersion and kind as keys. A file that is
// broken but mentions them is kept, so that it is reported.
func looksLikeKubernetes(data []byte) bool {
	return bytes.Contains(data, []byte("kind")) && bytes.Contains(data, []byte("apiVersion"))
}

// looksLikeConfig tells an estate file that is given as a manifest by mistake.
func looksLikeConfig(data []byte) bool {
	return bytes.Contains(data, []byte("\nkind: Estate\n")) && bytes.Contains(data, []byte("apiVersion: cofferdam.dev/"))
}

// config reads the estate file: the named one, or cofferdam.yaml beside the
// first input that has one.
func (l *Loader) config(ctx context.Context, in EstateInputs) (*estate.Config, error) {
	name := in.EstateFile
	for _, arg := range in.Manifests {
		if name != "" {
			break
		}
		_, p := l.splitCluster(arg)
		if p == stdinName {
			continue
		}
		dir := p
		if st, err := l.stat(p); err != nil || !st.IsDir() {
			dir = path.Dir(filepath.ToSlash(p))
		}
		if candidate := path.Join(filepath.ToSlash(dir), configName); l.isFile(candidate) {
			name = candidate
		} else if parent := path.Join(filepath.ToSlash(dir), "..", configName); l.FS == nil && l.isFile(parent) && dir != "." {
			name = parent
		}
	}
	if name == "" {
		return &estate.Config{}, nil
	}
	data, err := l.read(ctx, name)
	if err != nil {
		return nil, err
	}
	return manifest.DecodeConfig(ctx, manifest.Input{Name: name, Data: data})
}

func (l *Loader) isFile(name string) bool {
	st, err := l.stat(name)
	return err == nil && !st.IsDir()
}

// SBOMs reads documents. A file named by the user that is no SBOM is a problem;
// one found in a folder is passed over only if it is something else that is known.
func (l *Loader) SBOMs(ctx context.Context, paths []string) ([]*sbom.Document, []Problem, error) {
	var docs []*sbom.Document
	problems, err := l.EachSBOM(ctx, paths, func(d *sbom.Document) error {
		docs = append(docs, d)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return docs, problems, nil
}

// EachSBOM reads documents as SBOMs does and hands each over as it is read, so that not all of
// them have to be held. An error of take ends it.
func (l *Loader) EachSBOM(ctx context.Context, paths []string, take func(*sbom.Document) error) ([]Problem, error) {
	var problems []Problem
	seen := map[ident.Digest]bool{}
	for _, arg := range paths {
		files, err := l.expand(arg, sbomFile)
		if err != nil {
			return nil, err
		}
		for i, f := range files {
			l.progress("decoding SBOMs", i, len(files))
			ds, found, err := l.eachFile(ctx, f)
			if err != nil {
				return nil, err
			}
			problems = append(problems, found...)
			for _, d := range ds {
				if d.Digest.IsZero() || !seen[d.Digest] {
					seen[d.Digest] = true
					if err := take(d); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return problems, nil
}

// eachFile reads the documents of one file, which is held no longer than that.
func (l *Loader) eachFile(ctx context.Context, f file) (docs []*sbom.Document, problems []Problem, err error) {
	h, err := l.hold(ctx, f.name)
	if ident.KindOf(err) == ident.KindLimit {
		return nil, []Problem{problemOf(f.name, err)}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer h.end()
	limits := decode.Limits{Details: l.Details, Seen: l.Seen}
	if l.Contents == nil { // otherwise it is read once more
		limits.Released = h.released()
	}
	docs, err = decode.Bytes(ctx, f.name, h.data, limits)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if f.walked && ident.KindOf(err) == ident.KindUnsupported {
			return nil, nil, nil
		}
		return nil, []Problem{problemOf(f.name, err)}, nil
	}
	if err := l.content(h.data); err != nil {
		problems = append(problems, problemOf(f.name, err))
	}
	return docs, problems, nil
}

// Reports reads the SBOMs that the Trivy operator keeps as objects of the cluster.
func (l *Loader) Reports(ctx context.Context, est *Estate) ([]*sbom.Document, []Problem, error) {
	var docs []*sbom.Document
	var problems []Problem
	for _, r := range est.Set.SBOMReports {
		name := fmt.Sprintf("%s:%d", r.Source.File, r.Source.Line)
		ds, err := decode.Bytes(ctx, name, r.JSON, decode.Limits{})
		if err != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			p := problemOf(name, err)
			p.Message = r.Kind + " " + r.Namespace + "/" + r.Name + ": " + p.Message
			problems = append(problems, p)
			continue
		}
		if err := l.content(r.JSON); err != nil {
			problems = append(problems, problemOf(name, err))
		}
		docs = append(docs, ds...)
	}
	return docs, problems, nil
}

// sbomFile leaves out of a folder what is certainly no SBOM by its name alone;
// the format is told by content.
func sbomFile(name string) bool {
	return !hasExt(".md", ".sh", ".go", ".mod", ".sum", ".png", ".svg", ".html", ".sig", ".pem", ".asc", ".crt", ".key")(name)
}

func problemOf(name string, err error) Problem {
	p := Problem{Where: name, Message: err.Error()}
	if e, ok := asIdent(err); ok {
		p.Message, p.Hint = e.Message, e.Hint
		if e.Where != "" {
			p.Where = e.Where
		}
	}
	if !strings.HasPrefix(p.Where, name) {
		p.Where = name + " " + p.Where
	}
	return p
}

// advisoryFile tells by its name what may hold OSV records.
func advisoryFile(name string) bool {
	return hasExt(".json", ".yaml", ".yml", ".zip", ".ndjson", ".jsonl")(name)
}

// Advisories reads OSV records from paths, or from the cache if there are none.
// Without either it returns nil: no advisories are loaded, which is not the
// same as no advisory. Paths behind which no advisory can be read are an error:
// compared with none, everything looks well.
func (l *Loader) Advisories(ctx context.Context, paths []string) (*vuln.Database, []Problem, error) {
	if len(paths) == 0 {
		db, err := l.cached(ctx)
		return db, nil, err
	}
	var advs []*vuln.Advisory
	var problems []Problem
	for _, arg := range paths {
		files, err := l.expand(arg, advisoryFile)
		if err != nil {
			return nil, nil, err
		}
		for i, f := range files {
			l.progress("reading advisories", i, len(files))
			data, err := l.read(ctx, f.name)
			if ident.KindOf(err) == ident.KindLimit {
				problems = append(problems, problemOf(f.name, err))
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			as, faults, err := osv.Decode(ctx, f.name, data, osv.Limits{})
			if err != nil {
				if ctx.Err() != nil {
					return nil, nil, ctx.Err()
				}
				if f.walked && ident.KindOf(err) == ident.KindUnsupported {
					continue
				}
				problems = append(problems, problemOf(f.name, err))
				continue
			}
			advs = append(advs, as...)
			for _, ft := range faults {
				problems = append(problems, Problem{Where: ft.Where(), Message: ft.Message})
			}
		}
	}
	if len(advs) == 0 {
		return nil, nil, noAdvisories(paths, problems)
	}
	db, err := vuln.NewDatabase(advs, vuln.Options{})
	return db, problems, err
}

// Knowledge is what components are compared with. The zero value is none.
type Knowledge struct {
	Database     *vuln.Database
	Intelligence *vuln.Intelligence
	Reported     []vuln.Reported  // by other scanners; nil: no report was read
	Trust        *inventory.Trust // who vouches for SBOMs; nil: nobody was asked
}

// Join builds the snapshot that the questions are asked of.
func (l *Loader) Join(ctx context.Context, est *Estate, docs []*sbom.Document, k Knowledge, in SBOMInputs, quarantined int, at time.Time) (*inventory.Snapshot, error) {
	l.progress("joining images with SBOMs", 0, 0)
	images, err := l.images(ctx, in)
	if err != nil {
		return nil, err
	}
	return inventory.Build(ctx, inventory.Input{
		Estate: est.Set.Estate, Config: est.Config, Graph: est.Graph, SBOMs: docs, Database: k.Database, Intelligence: k.Intelligence, Reported: k.Reported,
		Images: images, Trust: k.Trust, At: at, Quarantined: quarantined,
	})
}
