package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/report"
)

// Options of New. All fields are required but where it says otherwise.
type Options struct {
	Catalog Catalog
	Access  *Access
	Log     *slog.Logger
	Now     func() time.Time
	Version string
	Metrics *prometheus.Registry // the server adds its own to it
	Limits  Limits               // the zero value has the defaults
	// Retention says how long documents are kept; the zero value, for ever.
	Retention catalog.Retention
	// Registries says how the reading of registries is; nil where none is read.
	Registries func() []Registry
	// Webhooks says how the telling of receivers is; nil where none is told.
	Webhooks func() []Webhook
	// Nightly says how the job of every night is; nil where there is none.
	Nightly func(context.Context) (*Job, error)
	// Ending is closed when the server is about to end: streams of events, which would go
	// on for ever, end then, and other requests are finished. nil: streams end with the
	// contexts of their requests.
	Ending <-chan struct{}
}

// Limits bound what one request costs.
type Limits struct {
	Document int64         // bytes of one document: 512 MiB by default
	Batch    int64         // bytes of one batch: 8 GiB by default
	Page     int           // rows of one page: 1,000 by default
	Stall    time.Duration // how long an upload may stand still: 20 s by default
	Answer   time.Duration // how long a question may take: 30 s by default
	Streams  int           // event streams at once: 1,000 by default
}

func (l *Limits) fill() {
	set(&l.Document, 512<<20)
	set(&l.Batch, 8<<30)
	set(&l.Page, 1000)
	set(&l.Stall, 20*time.Second)
	set(&l.Answer, 30*time.Second)
	set(&l.Streams, 1000)
}

func set[T comparable](p *T, otherwise T) {
	var zero T
	if *p == zero {
		*p = otherwise
	}
}

// api is what the operations share.
type api struct {
	Options
	huma    huma.API
	metrics *metrics
	streams chan struct{}
}

// New returns a handler of everything under /: the API, its description, and what
// those who run the server ask.
func New(o Options) http.Handler {
	o.Limits.fill()
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Cofferdam", o.Version)
	config.Info.Description = "The catalogue of what an organisation runs: its SBOMs and their components, where they run, and what is known of them."
	config.CreateHooks = nil // no $schema links in answers: they hold the host's name, so that no two servers answer alike
	config.DocsPath = ""     // a page that loads its code from elsewhere
	config.RejectUnknownQueryParameters = true
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An access token of this server, or an identity token of an OpenID Connect provider that it knows."},
	}
	config.Security = []map[string][]string{{"token": {}}}
	a := &api{Options: o, metrics: newMetrics(o.Metrics), streams: make(chan struct{}, o.Limits.Streams)}
	a.huma = humago.New(mux, config)
	a.documents()
	a.questions()
	a.lifecycle()
	a.runningFindings()
	a.triages()
	a.indicators()
	a.scores()
	a.statements()
	a.trust()
	a.decisions()
	a.registries()
	a.webhooks()
	a.records()
	a.orNull(reflect.TypeFor[report.ReleaseDiff](), "vulnerabilities") // without advisories
	a.signIn(mux)

	mux.HandleFunc("GET /healthz", a.healthy)
	mux.HandleFunc("GET /readyz", a.ready)
	metricsPage := promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelError)})
	mux.Handle("GET /metrics", a.guarded(authz.Read, metricsPage))
	return a.around(known(mux))
}

// known serves what the mux has, and answers with a problem to what it has not.
func known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		missing, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		p := &problem{Status: http.StatusNotFound, Detail: "nothing is at this path", Hint: "/openapi.json lists what there is"}
		said := &silent{header: http.Header{}}
		missing.ServeHTTP(said, r)
		if allow := said.header.Get("Allow"); said.code == http.StatusMethodNotAllowed && allow != "" {
			w.Header().Set("Allow", allow)
			p.Status, p.Detail, p.Hint = said.code, "the path is there, and not for "+r.Method, "it takes "+allow
		}
		p.Title = http.StatusText(p.Status)
		writeProblem(w, p)
	})
}

// silent keeps what a handler says of an answer, and no word of the answer itself.
type silent struct {
	header http.Header
	code   int
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) WriteHeader(code int)        { s.code = code }
func (s *silent) Write(p []byte) (int, error) { return len(p), nil }

// orNull describes a field of an answer, an object of its own, that may be null. The
// tags of the type cannot: they describe nothing of a field that is a reference.
func (a *api) orNull(of reflect.Type, field string) {
	fields := a.huma.OpenAPI().Components.Schemas.Map()[schemaName(of, "")].Properties
	fields[field] = &huma.Schema{AnyOf: []*huma.Schema{fields[field], {Type: "null"}}}
}

// schemaName names the types of answers that the command line shares with their
// package, so that they do not meet the API's own.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	own := reflect.TypeFor[api]().PkgPath()
	if pkg := t.PkgPath(); strings.HasPrefix(pkg, strings.TrimSuffix(own, "internal/server")) && !strings.HasSuffix(path.Dir(pkg), "/internal") {
		base := path.Base(pkg)
		return strings.ToUpper(base[:1]) + base[1:] + name
	}
	return name
}

// healthy says that the process answers.
func (a *api) healthy(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

// ready says whether questions and documents are taken: the store answers, and the
// index has been read.
func (a *api) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.Catalog.Ready(ctx); err != nil {
		a.Log.WarnContext(ctx, "not ready", "error", err)
		plain(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // a client that went away is no concern of ours
}

// guarded is a handler for those who may do something.
func (a *api) guarded(do authz.Action, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := actorOf(r.Context())
		if err := who.Authorize(do, who.Tenant); err != nil {
			a.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// around is what every request goes through: a number, a log line, who it is of,
// and an end.
func (a *api) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := a.Now()
		id := make([]byte, 8)
		_, _ = rand.Read(id) // never fails: crypto/rand
		number := hex.EncodeToString(id)
		h := w.Header()
		h.Set("X-Request-Id", number)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		rec := &recorder{ResponseWriter: w}
		who, err := a.Access.actor(r)
		log := a.Log.With("request", number, "actor", who.Subject)
		ctx := context.WithValue(context.WithValue(r.Context(), actorKey{}, who), logKey{}, log)
		r = r.WithContext(ctx)
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // it is this very value
					panic(p)
				}
				log.ErrorContext(ctx, "a request ended in a fault of the program", "fault", p, "stack", string(debug.Stack()))
				if rec.code == 0 {
					a.refuse(rec, r, errors.New("fault"))
				}
			}
			took := a.Now().Sub(begun)
			a.metrics.request(r.Method, r.Pattern, rec.code, took)
			log.InfoContext(ctx, "request", "method", r.Method, "path", r.URL.Path, "status", rec.code, "bytes", rec.bytes, "took", took)
		}()
		if err != nil {
			a.refuse(rec, r, err)
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// refuse answers with a problem outside the described operations.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, header := a.problem(r.Context(), err)
	for k, v := range header {
		w.Header()[k] = v
	}
	writeProblem(w, e)
}

type logKey struct{}

// problem is what a caller is told of an error; a failure's cause is logged.
func (a *api) problem(ctx context.Context, err error) (huma.StatusError, http.Header) {
	e, header := problemOf(err)
	who := actorOf(ctx)
	if code := refusal(err, who); code != e.GetStatus() {
		p := *e.(*problem)
		p.Status, p.Title = code, http.StatusText(code)
		e = &p
	}
	if e.GetStatus() == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="cofferdam"`)
	}
	if e.GetStatus() >= http.StatusInternalServerError {
		log, ok := ctx.Value(logKey{}).(*slog.Logger)
		if !ok {
			log = a.Log
		}
		log.ErrorContext(ctx, "a request failed", "error", err, "cause", errors.Unwrap(err))
	}
	return e, header
}

// fail is what an operation returns for an error.
func (a *api) fail(ctx context.Context, err error) error {
	e, header := a.problem(ctx, err)
	if len(header) > 0 {
		return huma.ErrorWithHeaders(e, header)
	}
	return e
}

// may is the actor of a request, if they may do something to what a tenant owns: the
// one they name, or else their own.
func (a *api) may(ctx context.Context, do authz.Action, tenant string) (who authz.Actor, of string, err error) {
	who = actorOf(ctx)
	if tenant == "" {
		tenant = who.Tenant
	}
	if len(tenant) > 100 || strings.ContainsAny(tenant, "\x00\n") {
		return who, "", a.fail(ctx, ident.Errorf(ident.KindUsage, "a tenant's name has at most 100 characters, in one line"))
	}
	if err := who.Authorize(do, tenant); err != nil {
		return who, "", a.fail(ctx, err)
	}
	return who, tenant, nil
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	code  int
	bytes int64
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find what it flushes.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
