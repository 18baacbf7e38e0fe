package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/listen"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/postgres"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
)

// ServeOptions of Serve.
type ServeOptions struct {
	Data   string // folder: the catalogue, its tokens and its keys
	DB     string // of a PostgreSQL database that several servers share; "" keeps the catalogue in Data
	Addr   string
	Config string // file; "" is the defaults
	// Advisories are the files and folders of the records that components are compared
	// with, besides those of the configuration; without either, the local cache.
	Advisories []string
	// Look is how often they are looked at for changes: 30 s by default.
	Look    time.Duration
	Version string
	Log     *slog.Logger
	// Ready is called once requests are answered.
	Ready func(url string)
}

// The files of a data folder.
const (
	adminTokenFile = "admin.token"
	tokensDir      = "tokens"
)

// grace is how long requests under way may take when the server ends.
const grace = 20 * time.Second

// checkpointing is how often the journal's end is signed while it moves.
const checkpointing = time.Minute

// mostConnections are open at once where nothing is configured: some 85 kB each, of a
// small upload.
const mostConnections = 12_000

// Serve runs the catalogue until the context ends.
func (l *Loader) Serve(ctx context.Context, o ServeOptions) error {
	cfg, err := l.serveSettings(ctx, o.Config)
	if err != nil {
		return err
	}
	if err := listen.Check(o.Addr); err != nil {
		return err
	}
	local := listen.IsLoopback(o.Addr)
	if err := cfg.admit(o.Addr, local); err != nil {
		return err
	}
	issuers, err := l.issuers(ctx, cfg)
	if err != nil {
		return err
	}
	sessions, err := l.sessions(ctx, cfg, o.Data)
	if err != nil {
		return err
	}
	beside, fetched, err := l.fetchedFeeds(IntelligenceInputs{KEV: cfg.KEV, EPSS: cfg.EPSS, VEX: cfg.VEX, Trust: cfg.VEXTrust, Roots: l.publicRoots}, cfg.Nightly != nil)
	if err != nil {
		return err
	}
	feed := &advisoryFeed{fetched: fetched, loader: l, paths: slices.Concat(cfg.Advisories, o.Advisories), log: o.Log, now: time.Now, every: cmp.Or(o.Look, lookForAdvisories),
		beside: beside}
	if err := feed.check(); err != nil {
		return err
	}
	if cfg.Nightly != nil {
		if _, err := cfg.Nightly.schedule(len(feed.paths) > 0); err != nil {
			return err
		}
	}
	scoring, err := l.scoring(ctx, &cfg.Quality)
	if err != nil {
		return err
	}
	uploaders, err := trusted(cfg.VEXUploaders)
	if err != nil {
		return err
	}
	vouching, err := l.voucherRounds(ctx, &cfg.SBOMTrust, o.Log)
	if err != nil {
		return err
	}
	pullers, err := cfg.pullers()
	if err != nil {
		return err
	}
	hooks, err := l.webhooks(ctx, cfg, o.Data, o.Log)
	if err != nil {
		return err
	}
	tickets, err := l.tickets(ctx, cfg, o.Data, o.Log)
	if err != nil {
		return err
	}
	deadlines, err := cfg.Findings.deadlines()
	if err != nil {
		return err
	}
	steps, err := cfg.Findings.steps()
	if err != nil {
		return err
	}
	goals, err := cfg.Goals.goals()
	if err != nil {
		return err
	}
	ln, err := listen.On(ctx, o.Addr)
	if err != nil {
		return err
	}
	defer ln.Close() //nolint:errcheck // closed by Serve, unless something before it fails
	connections := listen.NewLimit(cmp.Or(cfg.Limits.Connections, mostConnections))
	ln = connections.Of(ln)
	var cert *tls.Config
	scheme := "http"
	if cfg.TLS.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(cfg.TLS.Certificate, cfg.TLS.Key)
		if err != nil {
			return ident.Errorf(ident.KindUsage, "the TLS certificate cannot be used: %w", err).At(cfg.TLS.Certificate)
		}
		cert = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
		ln, scheme = tls.NewListener(ln, cert), "https"
	}
	coding := &catalog.Coding{}
	s, err := openStore(ctx, &o, coding.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	tokens, err := tokensOf(cfg, o.Data)
	if err != nil {
		return err
	}
	signer, _, err := store.OpenKey(o.Data, journalOrigin)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	c, err := catalog.Open(ctx, catalog.Options{Store: s, Log: o.Log, Now: time.Now, Metrics: registry, Shared: o.DB != "", Review: cfg.Review, Limits: cfg.catalogLimits(), Coding: coding, Scoring: scoring, VEXUploaders: uploaders, BaseImages: cfg.BaseImages, SignedVEX: l.signedVEX(feed.beside, time.Now), Deadlines: deadlines, EPSSSteps: steps, FourEyes: cfg.Findings.Approval, Goals: goals,
		Trusting: catalog.Trusting{Uploaders: cfg.SBOMTrust.Uploaders, Asks: vouching != nil}})
	if err != nil {
		return err
	}
	feed.into = c
	c.ExpectAdvisories()
	nightly, err := l.nightly(cfg.Nightly, feed, s, o.Data, o.Log)
	if err != nil {
		return err
	}
	h := server.New(server.Options{Catalog: c, Log: o.Log, Now: time.Now, Version: o.Version, Metrics: registry, Limits: cfg.serverLimits(), Retention: cfg.retention(), Registries: states(pullers), Webhooks: hookStates(hooks, tickets), Nightly: nightlyState(nightly), Ending: ctx.Done(),
		Access: &server.Access{Loopback: local && o.Config == "", Tokens: tokens, Issuers: issuers, Sessions: sessions, Now: time.Now}})
	if local {
		h = listen.LoopbackOnly(h)
	}
	background, stop := context.WithCancel(ctx)
	// Streams of events end with ctx; other requests have the grace.
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var wg sync.WaitGroup
	wg.Go(func() { feed.run(background) })
	if nightly != nil {
		jobMetrics(registry, nightly)
		wg.Go(func() { nightly.Run(background) })
	}
	wg.Go(func() { signJournal(background, s, signer, o.Log) })
	if r := cfg.retention(); r != (catalog.Retention{}) {
		wg.Go(func() { c.KeepRetention(background, r) })
	}
	if len(pullers) > 0 {
		m := newPullMetrics(registry)
		for _, p := range pullers {
			wg.Go(func() { p.run(background, c, o.Log, m) })
		}
	}
	if vouching != nil {
		wg.Go(func() { vouching.run(background, c) })
	}
	for _, h := range hooks {
		wg.Go(func() { h.run(background, c) })
	}
	for _, t := range tickets {
		wg.Go(func() { t.run(background, c) })
	}
	for _, w := range cfg.Watch {
		wg.Go(func() { l.watch(background, c, w, o.Log) })
	}
	if o.Ready != nil {
		o.Ready(scheme + "://" + ln.Addr().String() + "/")
	}
	srv := &http.Server{Handler: h, ConnState: connections.State, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn), BaseContext: func(net.Listener) context.Context { return requests }}
	srv.RegisterOnShutdown(stop)
	err = listen.Serve(ctx, srv, ln, grace)
	stop()
	cut()
	wg.Wait()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if serr := signOnce(end, s, signer); serr != nil {
		o.Log.WarnContext(end, "the journal's end was not signed", "error", serr)
	}
	return errors.Join(err, c.Close(end))
}

// admit refuses to serve others than this machine without knowing who they are, or
// so that everybody on the way reads their tokens.
func (c *serveConfig) admit(addr string, local bool) error {
	if local {
		return nil
	}
	if len(c.OIDC) == 0 && c.Tokens == "" {
		return ident.Errorf(ident.KindUsage, "--addr %s is reached from other machines, and nothing says who may ask", addr).
			WithHint("--config FILE with oidc: or tokens:, or --addr 127.0.0.1:8080")
	}
	if c.TLS.Certificate == "" && !c.BehindProxy {
		return ident.Errorf(ident.KindUsage, "--addr %s is reached from other machines, and tokens would cross the network unencrypted", addr).
			WithHint("tls: with certificate and key in the configuration, or behindProxy: true where something else ends TLS")
	}
	return nil
}

func openStore(ctx context.Context, o *ServeOptions, coding store.Coding) (store.Store, error) {
	if o.DB != "" {
		return postgres.Open(ctx, o.DB, postgres.Options{Coding: coding})
	}
	return sqlite.Open(ctx, o.Data, sqlite.Options{Coding: coding})
}

// tokensOf returns the folder of tokens. The first start makes one for whoever can
// read the data folder.
func tokensOf(cfg *serveConfig, data string) (server.Tokens, error) {
	if cfg.Tokens != "" {
		return server.TokenFolder{Dir: cfg.Tokens}, nil
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, ident.Errorf(ident.KindFailure, "the data folder cannot be made: %w", err)
	}
	f := server.TokenFolder{Dir: filepath.Join(data, tokensDir)}
	path := filepath.Join(data, adminTokenFile)
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	text, t := server.NewToken("admin", []authz.Role{authz.Reader, authz.Publisher, authz.SBOMApprover, authz.Triager, authz.Admin}, "", time.Time{})
	if err := f.Put(t); err != nil {
		return nil, err
	}
	return f, server.WriteSecret(path, []byte(text+"\n"))
}

// journalOrigin names the journal in its checkpoints, and the key that signs them.
const journalOrigin = "cofferdam.dev/journal"

func signOnce(ctx context.Context, s store.Store, signer evidence.Signer) error {
	p, err := s.Position(ctx)
	if err != nil || p.Seq == 0 {
		return err
	}
	_, err = s.Checkpoint(ctx, journalOrigin, signer)
	return err
}

// signJournal signs the journal's end as it moves.
func signJournal(ctx context.Context, s store.Store, signer evidence.Signer, log *slog.Logger) {
	t := time.NewTicker(checkpointing)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := signOnce(ctx, s, signer); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "the journal's end was not signed", "error", err)
		}
	}
}
