package inventory

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Input is everything that is joined. It must not change afterwards.
type Input struct {
	Estate       *estate.Estate
	Config       *estate.Config // nil declares nothing
	Graph        *segment.Graph
	SBOMs        []*sbom.Document
	Database     *vuln.Database     // nil: no advisories are loaded, which is not "no advisory"
	Intelligence *vuln.Intelligence // nil: nothing beside the advisories was read
	Reported     []vuln.Reported    // by other scanners; nil: no report was read
	Images       ImageIndex
	Trust        *Trust // what is known of who vouches for SBOMs; nil: nobody was asked
	At           time.Time
	Quarantined  int // inputs that could not be read
}

// Snapshot is the join, immutable. Any number of goroutines may ask it.
type Snapshot struct {
	in        Input
	declared  *estate.Declarations
	docs      *documentSet
	workloads []*workload // sorted by reference
	byRef     map[ident.Ref]*workload

	assess sync.Once
	found  [][]*vuln.Assessment // document → component → assessment, made on first need
}

// workload is one workload with everything that was joined to it.
type workload struct {
	*estate.Workload
	member                       estate.Member
	zone, owner, contact         string
	criticality                  string
	zoneKnown, protected, vital  bool
	spec                         *estate.PodSpec
	images                       []*image
	serviceAccountAutomountKnown *bool
}

// image is one container of a workload and one of the artifacts that it runs:
// pods of a workload differ while it rolls out.
type image struct {
	Image
	runs running
	join join
}

// match says how a document is the image's, and what it is worth.
func (s *Snapshot) match(im *image, d *document) SBOMMatch {
	m := s.in.Trust.judge(d, im.runs, &s.in.Images)
	m.Match = im.join.match
	return m
}

// Build joins the input. An invalid selector of the estate file is an error.
func Build(ctx context.Context, in Input) (*Snapshot, error) {
	d, err := estate.Declare(in.Config)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{in: in, declared: d, byRef: map[ident.Ref]*workload{}}
	s.docs = newDocumentSet(in.SBOMs, &s.in.Images)
	namespaces := map[[2]string]*estate.Namespace{}
	for _, n := range in.Estate.Namespaces {
		namespaces[[2]string{n.Cluster, n.Name}] = n
	}
	accounts := map[[3]string]*estate.ServiceAccount{}
	for _, a := range in.Estate.ServiceAccounts {
		accounts[[3]string{a.Cluster, a.Namespace, a.Name}] = a
	}
	for i, ew := range in.Estate.Workloads {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w := &workload{Workload: ew, spec: specOf(ew)}
		w.member = estate.Member{Ref: ew.Ref, Labels: podLabels(ew), Annotations: marks(ew)}
		if n := namespaces[[2]string{ew.Ref.Cluster, ew.Ref.Namespace}]; n != nil {
			w.member.NamespaceLabels, w.member.NamespaceDeclared = n.Labels, n.Declared
		}
		w.zone, w.zoneKnown = d.Zone(&w.member)
		w.member.Zone = w.zone
		w.owner, w.contact = d.Owner(&w.member)
		w.criticality = d.Criticality(&w.member)
		w.protected, w.vital = d.Protected(&w.member), d.Vital(&w.member)
		if w.spec != nil {
			name := w.spec.ServiceAccount
			if name == "" {
				name = "default"
			}
			if a := accounts[[3]string{ew.Ref.Cluster, ew.Ref.Namespace, name}]; a != nil {
				w.serviceAccountAutomountKnown = a.Automount
			}
		}
		s.joinImages(w)
		s.workloads = append(s.workloads, w)
		s.byRef[ew.Ref] = w
	}
	slices.SortFunc(s.workloads, func(a, b *workload) int { return a.Ref.Compare(b.Ref) })
	return s, nil
}

func specOf(w *estate.Workload) *estate.PodSpec {
	if w.Template != nil {
		return &w.Template.Spec
	}
	for _, p := range w.Pods {
		return &p.Spec
	}
	return nil
}

func podLabels(w *estate.Workload) map[string]string {
	if w.Template != nil {
		return w.Template.Labels
	}
	for _, p := range w.Pods {
		return p.Labels
	}
	return w.Labels
}

// marks are annotations and labels of the workload object together; both are
// where teams write their name.
func marks(w *estate.Workload) map[string]string {
	out := make(map[string]string, len(w.Labels)+len(w.Annotations))
	for k, v := range w.Labels {
		out[k] = v
	}
	for k, v := range w.Annotations {
		out[k] = v
	}
	return out
}

// joinImages lists what each container runs: what pods report where they
// report it, else what the template says.
func (s *Snapshot) joinImages(w *workload) {
	if w.spec == nil {
		return
	}
	kind := map[estate.ContainerKind]string{estate.Init: "init", estate.Sidecar: "sidecar", estate.Ephemeral: "ephemeral"}
	seen := map[string]bool{}
	add := func(c *estate.Container, r running, written string) {
		key := c.Name + "\x00" + written
		for _, g := range r.digests {
			key += "\x00" + g.Digest.String()
		}
		if seen[key] {
			return
		}
		seen[key] = true
		im := &image{Image: Image{Container: c.Name, Kind: kind[c.Kind], Image: written}, runs: r, join: s.docs.find(r)}
		for _, g := range r.digests {
			im.Digests = append(im.Digests, g.Digest)
		}
		im.Unresolved = im.join.unresolved
		if len(im.join.docs) > 0 {
			m := s.match(im, im.join.docs[0])
			im.SBOM = &m
			for _, doc := range im.join.docs {
				im.Components += len(doc.Components)
				doc.running = true
			}
		}
		w.images = append(w.images, im)
	}
	live := 0
	for _, p := range w.Pods {
		if p.Finished() {
			continue
		}
		live++
		for i := range p.Spec.Containers {
			c := &p.Spec.Containers[i]
			id := ""
			for _, st := range p.Status {
				if st.Name == c.Name {
					id = st.ImageID
				}
			}
			add(c, identify(c.Ref, id), c.Image)
		}
	}
	if live == 0 {
		for i := range w.spec.Containers {
			c := &w.spec.Containers[i]
			add(c, identify(c.Ref, ""), c.Image)
		}
	}
	slices.SortStableFunc(w.images, func(a, b *image) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Image.Image, b.Image.Image))
	})
}

// covered reports whether every container but the debugging ones has an SBOM.
func (w *workload) covered() bool {
	for _, im := range w.images {
		if im.SBOM == nil && im.Kind != "ephemeral" {
			return false
		}
	}
	return len(w.images) > 0
}

// Coverage says what every answer of this snapshot rests on.
func (s *Snapshot) Coverage() Coverage {
	c := Coverage{Workloads: len(s.workloads), Enforcement: s.in.Graph.Enforcement(), NotSeen: s.in.Graph.NotSeen(), WithoutEffect: s.in.Graph.WithoutEffect(), Quarantined: s.in.Quarantined,
		Policies: len(s.in.Estate.Policies)}
	if c.NotSeen == nil {
		c.NotSeen = []string{}
	}
	if s.in.Trust != nil {
		c.SBOMTrust = &TrustCount{}
	}
	for _, w := range s.workloads {
		if w.covered() {
			c.WithSBOM++
		}
		for _, im := range w.images {
			if im.SBOM != nil && c.SBOMTrust != nil {
				c.SBOMTrust.Add(im.SBOM.Trust)
			}
			switch im.join.match {
			case matchDigest:
				c.SBOMMatchedBy.Digest++
			case matchIndex:
				c.SBOMMatchedBy.Index++
			case matchReference:
				c.SBOMMatchedBy.Reference++
			case matchTag:
				c.SBOMMatchedBy.Tag++
			}
		}
	}
	for _, d := range s.docs.docs {
		for i := range d.Components {
			k := &d.Components[i]
			if k.PURL == "" && k.Type != "file" && k.Type != "operating-system" {
				c.ComponentsWithoutIdentity++
			} else if _, ok := vuln.UnplacedPackage(k, d.Subject.OS); ok {
				c.ComponentsWithoutIdentity++
			}
		}
	}
	if s.in.Database != nil && s.in.Database.Len() > 0 {
		c.AdvisoriesAsOf = s.in.Database.AsOf().Format(time.DateOnly)
	}
	c.Intelligence(s.in.Intelligence)
	return c
}

// assessments matches every component once; only the whole map needs it.
func (s *Snapshot) assessments() [][]*vuln.Assessment {
	s.assess.Do(func() {
		s.found = make([][]*vuln.Assessment, len(s.docs.docs))
		if s.in.Database == nil {
			return
		}
		scan := vuln.NewScanner(s.in.Database)
		for i, d := range s.docs.docs {
			s.found[i] = make([]*vuln.Assessment, len(d.Components))
			for j := range d.Components {
				if c := &d.Components[j]; c.Type != "file" || c.PURL != "" {
					s.found[i][j] = scan.Assess(c, d.Subject.OS)
				}
			}
		}
	})
	return s.found
}

// imageUnknowns are the images whose SBOM may exist and was not matched, and
// those whose SBOM says itself that it does not list everything.
func (s *Snapshot) imageUnknowns() []Unknown {
	type about struct{ reason, object string }
	var out []Unknown
	at := map[about]int{}
	add := func(w *workload, a about) {
		i, ok := at[a]
		if !ok {
			i = len(out)
			at[a] = i
			out = append(out, Unknown{Reason: a.reason, Object: a.object})
		}
		if !slices.Contains(out[i].Affects, w.Ref) {
			out[i].Affects = append(out[i].Affects, w.Ref)
		}
	}
	for _, w := range s.workloads {
		for _, im := range w.images {
			if im.Unresolved != "" {
				add(w, about{im.Unresolved, "image " + im.Image.Image})
			}
			for _, d := range im.join.docs {
				if d.Incomplete {
					add(w, about{"its SBOM says itself that it does not list everything: " + cmp.Or(d.File, d.Digest.String()), "image " + im.Image.Image})
				}
			}
		}
	}
	return out
}

// Members returns the workloads as selectors see them, with their zones.
func (s *Snapshot) Members() []estate.Member {
	out := make([]estate.Member, 0, len(s.workloads))
	for _, w := range s.workloads {
		out = append(out, w.member)
	}
	return out
}

// Zone returns the zone of a workload; "" if it is none of the estate.
func (s *Snapshot) Zone(r ident.Ref) string {
	if w := s.byRef[r]; w != nil {
		return w.zone
	}
	return ""
}
