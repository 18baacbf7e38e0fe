package ticket

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/retry"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
	"github.com/cofferdam-io/cofferdam/report"
)

// Keeper keeps the tickets of one tracker true. It is used once.
type Keeper struct {
	Name string
	// File remembers which tickets there are. Where it is lost they are found by their labels.
	File string
	// Most bounds the tickets that are open at once; the worst come first. 0: 200.
	Most int
	// Current returns the findings that tickets are to be about. An error is that they are not known
	// now. Revision changes when they may have; "" is that they are not known yet.
	Current  func(ctx context.Context) ([]report.RunningFinding, error)
	Revision func() string
	Every    time.Duration // between looks: 10 s by default
	Wait     time.Duration // after the first failure: 10 s by default
	Log      *slog.Logger
	Now      func() time.Time

	tracker tracker
	client  *http.Client
	labels  []string
	kept    map[string]kept // by label

	mu     sync.Mutex
	status Status
}

// kept is what is remembered of a ticket.
type kept struct {
	Label  string `json:"label"`
	Ref    string `json:"ref"`
	Sum    string `json:"sum"` // of its text
	Closed bool   `json:"closed,omitempty"`
}

// Status says how the keeping is.
type Status struct {
	Kept     time.Time // when everything was as it should be last
	Open     int
	Writes   int // since the server began
	Failures int // since Kept, one after the other
	Problem  string
	Next     time.Time // when it is tried again
	Left     int       // vulnerabilities without a ticket since there are too many
}

const (
	defaultMost = 200
	longestWait = time.Hour
	maxKept     = 64 << 20
)

// NewKeeper checks where tickets are kept.
func NewKeeper(o *Options) (*Keeper, error) {
	t, client, err := newTracker(o)
	if err != nil {
		return nil, err
	}
	return &Keeper{Name: o.Name, tracker: t, client: client, labels: o.Labels}, nil
}

// Status says how it is.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

func (k *Keeper) set(change func(*Status)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.status)
}

// Run keeps tickets until the context ends.
func (k *Keeper) Run(ctx context.Context) {
	defer k.client.CloseIdleConnections()
	if err := k.read(); err != nil {
		k.Log.ErrorContext(ctx, "which tickets there are was forgotten; they are looked for by their labels", "tickets", k.Name, "error", err)
	}
	t := time.NewTicker(cmp.Or(k.Every, 10*time.Second))
	defer t.Stop()
	seen, failures := "", 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		revision := k.Revision()
		if revision == "" || revision == seen {
			continue
		}
		findings, err := k.Current(ctx)
		if err != nil {
			continue // asked again in a moment; the catalogue says in its own log why
		}
		err = k.keep(ctx, Of(findings))
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			seen, failures = revision, 0
			k.set(func(s *Status) { s.Kept, s.Failures, s.Problem, s.Next = k.Now(), 0, "", time.Time{} })
			continue
		}
		wait := retry.Backoff(cmp.Or(k.Wait, 10*time.Second), longestWait, failures)
		var r *Refused
		if errors.As(err, &r) {
			wait = max(wait, r.After)
		}
		failures++
		k.Log.WarnContext(ctx, "tickets are not as they should be", "tickets", k.Name, "error", err, "again", wait)
		k.set(func(s *Status) { s.Failures++; s.Problem, s.Next = err.Error(), k.Now().Add(wait) })
		if retry.Sleep(ctx, wait) != nil {
			return
		}
	}
}

// keep makes the tracker say what is so. What one ticket is refused holds up no other, unless the
// tracker is away or wants to be left alone.
func (k *Keeper) keep(ctx context.Context, want []Ticket) error {
	most := cmp.Or(k.Most, defaultMost)
	left := max(0, len(want)-most)
	wanted := map[string]bool{}
	for i := range want {
		wanted[want[i].Label] = true
	}
	want = want[:len(want)-left]
	var problem error
	fails := func(err error) (stop bool) {
		var r *Refused
		problem = cmp.Or(problem, err)
		return ctx.Err() != nil || !errors.As(err, &r) || r.Status == http.StatusTooManyRequests || r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden || r.Status >= 500
	}
	open := 0
	for i := range want {
		if err := k.one(ctx, &want[i]); err != nil {
			if fails(err) {
				return problem
			}
			continue
		}
		open++
	}
	for label, x := range k.kept {
		if x.Closed || wanted[label] {
			continue
		}
		if err := k.end(ctx, x); err != nil && fails(err) {
			return problem
		}
	}
	k.set(func(s *Status) { s.Open, s.Left = open, left })
	if problem == nil && left > 0 {
		k.Log.WarnContext(ctx, "not every vulnerability has a ticket", "tickets", k.Name, "without", strconv.Itoa(left), "most", most)
	}
	return problem
}

// one opens a ticket, or rewrites it where its text is another. One that somebody closed stays closed;
// one that was closed here since nothing had it is opened again.
func (k *Keeper) one(ctx context.Context, t *Ticket) error {
	sum := sha256.Sum256([]byte(t.Title + "\x00" + t.Body))
	text := hex.EncodeToString(sum[:])
	x, known := k.kept[t.Label]
	if known && !x.Closed && x.Sum == text {
		return nil
	}
	if !known {
		found, err := k.tracker.find(ctx, t.Label)
		if err != nil {
			return err
		}
		if found == nil {
			ref, err := k.tracker.create(ctx, t, append(slices.Clip(k.labels), "cofferdam", t.Label))
			if err != nil {
				return err
			}
			return k.remember(kept{t.Label, ref, text, false})
		}
		x = kept{Label: t.Label, Ref: found.ref, Closed: found.closed} // who closed it was forgotten: it is there, so it is opened
	}
	if err := k.tracker.rewrite(ctx, x.Ref, t); err != nil {
		if gone(err) {
			delete(k.kept, t.Label) // somebody removed it: the next look opens another
		}
		return err
	}
	if x.Closed {
		if err := k.tracker.turn(ctx, x.Ref, false); err != nil {
			return err
		}
		if err := k.tracker.comment(ctx, x.Ref, "It is in what runs again."); err != nil {
			return err
		}
	}
	return k.remember(kept{t.Label, x.Ref, text, false})
}

// end closes a ticket that nothing is to be mended for any more.
func (k *Keeper) end(ctx context.Context, x kept) error {
	if err := k.tracker.turn(ctx, x.Ref, true); gone(err) {
		x.Closed = true
		return k.remember(x)
	} else if err != nil {
		return err
	}
	// The comment comes last: where it fails, the next try closes what is closed and says it once.
	if err := k.tracker.comment(ctx, x.Ref, "Nothing that runs has it any more, or a trusted statement cleared it, or it was accepted: cofferdam findings --history says which."); err != nil {
		return err
	}
	x.Closed = true
	return k.remember(x)
}

// gone reports whether a tracker has a ticket no more.
func gone(err error) bool {
	var r *Refused
	return errors.As(err, &r) && (r.Status == http.StatusNotFound || r.Status == http.StatusGone)
}

func (k *Keeper) remember(x kept) error {
	k.kept[x.Label] = x
	k.set(func(s *Status) { s.Writes++ })
	return wholefile.Keep(k.File, 0o600, func(f io.Writer) error {
		w := bufio.NewWriter(f)
		e := json.NewEncoder(w)
		for _, x := range k.kept {
			if err := e.Encode(x); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

func (k *Keeper) read() error {
	k.kept = map[string]kept{}
	f, err := os.Open(k.File) // #nosec G304 -- a file of the server's data folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was read
	d := json.NewDecoder(bufio.NewReader(io.LimitReader(f, maxKept)))
	for {
		var x kept
		err := d.Decode(&x)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			k.kept = map[string]kept{}
			return ident.Errorf(ident.KindInvalid, "which tickets there are cannot be read: %w", err).At(k.File)
		}
		k.kept[x.Label] = x
	}
}
