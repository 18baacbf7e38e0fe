package catalog

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// ScoreQuery selects scores of documents. Zero fields select everything.
type ScoreQuery struct {
	// Tenant and Mine leave out the documents of other tenants.
	Tenant string
	Mine   bool

	// Owner and Service are the document's, or those of a container that runs it.
	Owner, Service string
	// Running, Cluster and Zone select documents of what runs, or ran at At.
	Running       bool
	Cluster, Zone string

	// Profile is whose score, grade and elements the following are about; "": the mean's,
	// and the elements of any.
	Profile string
	Min     float64
	Max     float64 // 0: no bound
	Grades  []string
	Unmet   string // element that is absent somewhere
	Below   bool   // the floor
	Refused bool   // by the policy
	Since   time.Time

	At      time.Time // what was so then; zero: now
	History bool      // also what is no longer so; At is not looked at
	After   *ScoreCursor
	Limit   int
}

// ScoreCursor is the place of a score in the order of answers.
type ScoreCursor struct {
	Document uint32
	From     time.Time
}

// DocumentScore is a document and what is known of its quality, for a time.
type DocumentScore struct {
	Document store.Document
	Said     ScoreSaid
	Running  int // containers that run what it is about, of those that the question selects
	From     time.Time
	Until    time.Time // zero while it is so
}

// Scores is the answer, ordered by document and time.
type Scores struct {
	// Sequence is what the last look covered; zero for the past.
	Sequence uint64
	Items    []DocumentScore
	More     bool
	// What follows counts all that is selected now; nothing for the past. Unjudged have a
	// fault and no score, and are in no selection by one. Pending wait to be judged, of
	// all documents.
	Grades   map[string]int
	Mean     float64
	Total    int
	Below    int
	Refused  int
	Unjudged int
	Pending  int
}

// scoreFilter is a query, looked up once.
type scoreFilter struct {
	*ScoreQuery
	profile int // place; -1: the mean
	unmet   [mostProfiles]uint32
}

func (q *ScoreQuery) filter() (*scoreFilter, error) {
	f := &scoreFilter{ScoreQuery: q, profile: -1}
	found := false
	for i, p := range quality.Profiles() {
		if p.ID == q.Profile {
			f.profile = i
		}
		if q.Unmet != "" && (q.Profile == "" || q.Profile == p.ID) {
			f.unmet[i] = elementMask(p, q.Unmet)
			found = found || f.unmet[i] != 0
		}
	}
	if f.profile < 0 && q.Profile != "" {
		return nil, ident.Errorf(ident.KindUsage, "%.60q is no profile", q.Profile).WithHint("cofferdam sbom score --help lists them")
	}
	if q.Unmet != "" && !found {
		return nil, ident.Errorf(ident.KindUsage, "no profile has an element %.80q", q.Unmet).WithHint("cofferdam sbom score FILE -o json lists the elements of each profile")
	}
	for _, g := range q.Grades {
		if !slices.Contains([]string{"A", "B", "C", "D", "F"}, g) {
			return nil, ident.Errorf(ident.KindUsage, "%.40q is no grade", g).WithHint("A, B, C, D or F")
		}
	}
	return f, nil
}

func (f *scoreFilter) score(r *scoreRow) float64 {
	if f.profile >= 0 {
		return float64(r.profiles[f.profile].score)
	}
	return float64(r.score)
}

// byScore reports whether the query asks for something that only a score answers.
func (f *scoreFilter) byScore() bool {
	return f.Min > 0 || f.Max > 0 || len(f.Grades) > 0 || f.Unmet != "" || f.Below || f.Refused
}

// rounded undoes what keeping a decimal in 32 bits does to it.
func rounded(x float64) float64 { return float64(int64(x*10+0.5)) / 10 }

func (f *scoreFilter) selects(r *scoreRow) bool {
	if f.Mine && r.tenant.Value() != f.Tenant || !f.Since.IsZero() && r.from < f.Since.UnixMicro() {
		return false
	}
	if r.fault {
		return !f.byScore()
	}
	score := rounded(f.score(r))
	if score < f.Min || f.Max > 0 && score > f.Max || len(f.Grades) > 0 && !slices.Contains(f.Grades, quality.Grade(score)) || f.Below && !r.below || f.Refused && !r.refused {
		return false
	}
	if f.Unmet == "" {
		return true
	}
	for i := range f.unmet {
		if r.profiles[i].unmet&f.unmet[i] != 0 {
			return true
		}
	}
	return false
}

// placed counts the containers of an artifact that the query selects, and reports
// whether the query asks for them or the document answers it alone.
func (f *scoreFilter) placed(r *scoreRow, runs *running, artifact uint32) (n int, ok bool) {
	owner, service := f.Owner == "" || r.owner.Value() == f.Owner, f.Service == "" || r.service.Value() == f.Service
	for _, d := range runs.artifacts[artifact] {
		for i := range runs.images[d] {
			w := &runs.images[d][i]
			if (f.Cluster == "" || w.Cluster == f.Cluster) && (f.Zone == "" || w.Zone == f.Zone) && (owner || w.Owner == f.Owner) && (service || w.Service == f.Service) {
				n++
			}
		}
	}
	if f.Running || f.Cluster != "" || f.Zone != "" {
		return n, n > 0
	}
	return n, n > 0 || owner && service
}

// ScoresRevision changes with what Scores answers about now; "" is that nothing is known,
// or that this server judges no documents.
func (c *Catalog) ScoresRevision() string {
	last := c.scores.last.Load()
	if last == nil || c.scoring == nil {
		return ""
	}
	return strconv.FormatUint(last.version, 36) + "-" + strconv.FormatUint(c.follow.now().material, 36)
}

// Scores answers how good the documents are, or were at a time.
func (c *Catalog) Scores(ctx context.Context, q ScoreQuery) (*Scores, error) {
	if c.scoring == nil {
		return nil, ident.Errorf(ident.KindUsage, "this server judges no documents").WithHint("quality: in the server's configuration")
	}
	f, err := q.filter()
	if err != nil {
		return nil, err
	}
	if !q.At.IsZero() || q.History {
		return c.pastScores(ctx, f)
	}
	last := c.scores.last.Load()
	if last == nil {
		return nil, ident.Errorf(ident.KindIndeterminate, "the server is reading the scores").WithHint("ask again in a few seconds")
	}
	v := c.follow.now()
	out := &Scores{Sequence: last.material, Grades: map[string]int{}}
	type hit struct {
		document uint32
		running  int
	}
	var hits []hit
	sum, judged := 0.0, 0
	for id := range v.index.Documents() {
		artifact, live := v.index.Artifact(id)
		if !live {
			continue
		}
		r := last.row(id)
		if r == nil {
			out.Pending++
			continue
		}
		if !f.selects(r) {
			continue
		}
		n, ok := f.placed(r, v.running, artifact)
		if !ok {
			continue
		}
		out.Total++
		if r.fault {
			out.Unjudged++
		} else {
			score := rounded(f.score(r))
			sum, judged = sum+score, judged+1
			out.Grades[quality.Grade(score)]++
		}
		if r.below {
			out.Below++
		}
		if r.refused {
			out.Refused++
		}
		switch {
		case q.After != nil && id <= q.After.Document:
		case len(hits) == q.Limit:
			out.More = true
		default:
			hits = append(hits, hit{id, n})
		}
	}
	if judged > 0 {
		out.Mean = rounded(sum / float64(judged))
	}
	// What the rows have no room for is read; documents that follow each other are of one block.
	block, states := -1, map[string]store.State{}
	ids := make([]uint32, len(hits))
	for i, h := range hits {
		ids[i] = h.document
	}
	docs, err := c.store.Documents(ctx, ids)
	if err != nil {
		return nil, storeError(err)
	}
	meta := make(map[uint32]*store.Document, len(docs))
	for i := range docs {
		meta[docs[i].ID] = &docs[i]
	}
	for _, h := range hits {
		if b := int(h.document / scoresAtOnce); b != block {
			block = b
			clear(states)
			err := c.states(ctx, store.StateQuery{Kind: store.StateScore, Scope: scoreScope(block)}, func(s *store.State) error {
				states[s.Key] = *s
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		s, ok := states[scoreKey(h.document)]
		d := meta[h.document]
		if !ok || d == nil {
			continue // it left while we looked
		}
		_, said, err := scoreOf(&s)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, DocumentScore{Document: *d, Said: *said, Running: h.running, From: s.From})
	}
	if out.More && len(out.Items) == 0 { // every one of the page left: the next page begins after it
		q.After = &ScoreCursor{Document: hits[len(hits)-1].document}
		return c.Scores(ctx, q)
	}
	return out, nil
}

// pastScores reads what was written down. Documents that were purged since are not
// among it.
func (c *Catalog) pastScores(ctx context.Context, f *scoreFilter) (*Scores, error) {
	out := &Scores{}
	v := c.follow.now()
	runs, err := c.ranAll(ctx, v, f.At)
	if err != nil {
		return nil, err
	}
	sq := store.StateQuery{Kind: store.StateScore, At: f.At, History: f.History}
	if a := f.After; a != nil {
		sq.After = &store.State{Scope: scoreScope(int(a.Document / scoresAtOnce)), Key: scoreKey(a.Document), From: a.From}
	}
	meta, block := map[uint32]*store.Document{}, -1
	err = c.states(ctx, sq, func(s *store.State) error {
		id, said, err := scoreOf(s)
		if err != nil {
			return err
		}
		if b := int(id / scoresAtOnce); b != block {
			block = b
			clear(meta)
			ids := make([]uint32, scoresAtOnce)
			for i := range ids {
				ids[i] = uint32(b)*scoresAtOnce + uint32(i) //nolint:gosec // documents are numbered with 32 bits
			}
			docs, err := c.store.Documents(ctx, ids)
			if err != nil {
				return storeError(err)
			}
			for i := range docs {
				meta[docs[i].ID] = &docs[i]
			}
		}
		d := meta[id]
		if d == nil {
			return nil
		}
		r := c.rowOf(said, s.From)
		r.of(d)
		if !f.selects(&r) {
			return nil
		}
		n, ok := f.placed(&r, runs, d.Artifact)
		if !ok {
			return nil
		}
		if len(out.Items) == f.Limit {
			out.More = true
			return errEnough
		}
		out.Items = append(out.Items, DocumentScore{Document: *d, Said: *said, Running: n, From: s.From, Until: s.Until})
		return nil
	})
	if err == errEnough { //nolint:errorlint // it is this very value
		err = nil
	}
	return out, err
}

// ranAll is what runs, or what ran at a time, by the documents of all tenants.
func (c *Catalog) ranAll(ctx context.Context, v *view, at time.Time) (*running, error) {
	if at.IsZero() {
		return v.running, nil
	}
	sets := make(map[string]index.Set, len(v.tenants))
	for t := range v.tenants {
		sets[t] = index.Set{}
	}
	runs, err := readRunning(ctx, c.store, sets, at)
	return runs, storeError(err)
}
