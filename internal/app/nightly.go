package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/feeds"
	"github.com/cofferdam-io/cofferdam/internal/job"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// nightlyConfig says when a server refreshes its advisories and compares everything that
// runs anew.
type nightlyConfig struct {
	At            string   `json:"at"` // "02:30", UTC
	JitterMinutes int      `json:"jitterMinutes"`
	From          []string `json:"from"`       // sources of the local cache; those that it has by default
	Ecosystems    []string `json:"ecosystems"` // that are kept of them; all by default
}

// nightlyJob names the job in the store, in metrics and in the log.
const nightlyJob = "nightly"

// mostJitter bounds jitterMinutes: half a day.
const mostJitter = 12 * 60

// schedule checks the configuration. named is whether files of advisories are named, which
// somebody else keeps.
func (c *nightlyConfig) schedule(named bool) (job.Schedule, error) {
	at, err := time.Parse("15:04", c.At)
	switch {
	case err != nil:
		return job.Schedule{}, ident.Errorf(ident.KindUsage, "nightly.at %.40q is no time of day", c.At).WithHint("at: \"02:30\", in UTC")
	case c.JitterMinutes < 0 || c.JitterMinutes > mostJitter:
		return job.Schedule{}, ident.Errorf(ident.KindUsage, "nightly.jitterMinutes is %d: 0 to %d", c.JitterMinutes, mostJitter)
	case named && len(c.From) > 0:
		return job.Schedule{}, ident.Errorf(ident.KindUsage, "nightly.from refreshes the local cache, and the server compares with the files that advisories names").
			WithHint("leave out advisories, or nightly.from where something else brings those files")
	case len(c.Ecosystems) > 0 && len(c.From) == 0:
		return job.Schedule{}, ident.Errorf(ident.KindUsage, "nightly.ecosystems says what is kept of nightly.from, which names nothing")
	}
	return job.Schedule{Hour: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, Jitter: time.Duration(c.JitterMinutes) * time.Minute}, nil
}

// nightly makes the job; nil where none is configured.
func (l *Loader) nightly(c *nightlyConfig, feed *advisoryFeed, s store.Store, data string, log *slog.Logger) (*job.Job, error) {
	if c == nil {
		return nil, nil
	}
	at, err := c.schedule(len(feed.paths) > 0)
	if err != nil {
		return nil, err
	}
	who, err := serverName(data)
	if err != nil {
		return nil, err
	}
	return &job.Job{Name: nightlyJob, Server: who, Store: s, At: at, Now: time.Now, Log: log, Do: func(ctx context.Context) (string, error) { return feed.night(ctx, c) }}, nil
}

// serverName tells the servers of one database apart: the machine and the data folder.
func serverName(data string) (string, error) {
	host, err := os.Hostname()
	if err == nil {
		data, err = filepath.Abs(data)
	}
	if err != nil {
		return "", ident.Errorf(ident.KindFailure, "the server has no name among others: %w", err)
	}
	sum := sha256.Sum256([]byte(data))
	return host + "-" + hex.EncodeToString(sum[:4]), nil
}

// night brings the local cache up to date, loads what changed and compares everything that
// runs anew. A source that is held back or cannot be reached makes it fail, once the rest
// is done: somebody has to look.
func (f *advisoryFeed) night(ctx context.Context, c *nightlyConfig) (string, error) {
	held := f.refreshBesides(ctx)
	if len(f.paths) == 0 {
		l := &Loader{Files: f.loader.Files, Cache: f.loader.Cache}
		note, problems, err := l.Update(ctx, feeds.Request{From: c.From, Only: c.Ecosystems, At: f.now()})
		if err != nil {
			return "", err
		}
		f.complain(ctx, "advisories", problems)
		for _, s := range note.Sources {
			if s.Held != "" {
				held = append(held, s.From+": "+s.Held)
			}
		}
	}
	if err := f.look(ctx); err != nil {
		return "", err
	}
	state := f.into.AdvisoryState()
	if state.Loaded.IsZero() {
		return "", ident.Errorf(ident.KindFailure, "no advisories are loaded").WithHint("nightly.from in the configuration, or cofferdam advisories update --from PATH")
	}
	n, err := f.into.RescanFindings(ctx)
	if err != nil {
		return "", err
	}
	if len(held) > 0 {
		return "", ident.Errorf(ident.KindFailure, "what runs was compared anew, with what there was before from %s", strings.Join(held, "; ")).
			WithHint("cofferdam advisories status; cofferdam advisories update --accept-shrunk takes a source as it is")
	}
	return fmt.Sprintf("%d advisories as of %s, %d findings", state.Records, state.AsOf.Format(time.DateOnly), n), nil
}

// nightlyState is how a job is, for the API; nil where there is none.
func nightlyState(j *job.Job) func(context.Context) (*server.Job, error) {
	if j == nil {
		return nil
	}
	return func(ctx context.Context) (*server.Job, error) {
		s, err := j.State(ctx)
		if err != nil {
			return nil, err
		}
		out := &server.Job{Name: j.Name, Next: j.At.Next(j.Now(), j.Server), Running: s.Running, Servers: []server.JobRun{}}
		for _, r := range s.Runs {
			out.Servers = append(out.Servers, server.JobRun(r))
		}
		return out, nil
	}
}

// jobMetrics tell how a job is on this server: when it last succeeded, and how often in a row
// it failed since.
func jobMetrics(r prometheus.Registerer, j *job.Job) {
	labels := prometheus.Labels{"job": j.Name}
	mine := func(of func(*job.Run) float64) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			s, err := j.State(ctx)
			if err != nil {
				return math.NaN()
			}
			for i := range s.Runs {
				if s.Runs[i].Server == j.Server {
					return of(&s.Runs[i])
				}
			}
			return of(&job.Run{})
		}
	}
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cofferdam_job_succeeded_timestamp_seconds", Help: "When a job last began on this server and succeeded. NaN where it never has.", ConstLabels: labels}, mine(func(r *job.Run) float64 {
			if r.Succeeded.IsZero() {
				return math.NaN()
			}
			return float64(r.Succeeded.Unix())
		})),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cofferdam_job_failures", Help: "How often in a row a job failed on this server.", ConstLabels: labels}, mine(func(r *job.Run) float64 { return float64(r.Failed) })),
	)
}
