package postgres

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/ledger"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the key of the advisory lock under which replicas migrate one
// at a time: "Cfdm".
const migrationLock = 0x4366646d

// Options are how a store is opened.
type Options struct {
	store.Coding
	Connections int32           // of this replica at most; 0: 8
	Patience    time.Duration   // for how long a change is tried anew while the database is away; 0: 10 s
	steps       fs.FS           // tests bring other migrations
	dial        pgconn.DialFunc // tests bring connections that break
}

// Store is a catalogue in a PostgreSQL database.
type Store struct {
	*ledger.Ledger
	engine *engine
}

// Open connects to a database by a URL or key=value string and brings its schema
// up to date. It refuses a server whose commits would not be durable.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The error of the parser may quote the string, password and all.
		return nil, ident.Errorf(ident.KindUsage, "the database's connection string is not valid").WithHint("write postgres://user:password@host/database")
	}
	config.MaxConns = o.Connections
	if config.MaxConns <= 0 {
		config.MaxConns = 8
	}
	config.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	for name, value := range map[string]string{
		"application_name": "cofferdam",
		// A replica that hangs inside a change must not hold up the others for ever, nor
		// wait for ever itself.
		"idle_in_transaction_session_timeout": "30s",
		"lock_timeout":                        "30s",
	} {
		if config.ConnConfig.RuntimeParams[name] == "" {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	config.AfterConnect = durable
	if o.dial != nil {
		config.ConnConfig.DialFunc = o.dial
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "could not connect to the database: %w", err)
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	e := &engine{pool: pool, patience: o.Patience}
	if err := e.migrate(ctx, o.steps); err != nil {
		pool.Close()
		return nil, err
	}
	l, err := ledger.New(e, o.Coding)
	if err != nil {
		pool.Close()
		return nil, err
	}
	e.hints = newHints(ctx, pool)
	return &Store{Ledger: l, engine: e}, nil
}

// Close is store.Store's.
func (s *Store) Close() error {
	s.engine.closing.Do(func() {
		s.engine.hints.close()
		s.engine.pool.Close()
	})
	return nil
}

// durable makes sure, for each connection, that a commit is on disk when it is
// acknowledged.
func durable(ctx context.Context, c *pgx.Conn) error {
	var fsync, commit string
	if err := c.QueryRow(ctx, "SELECT current_setting('fsync'), current_setting('synchronous_commit')").Scan(&fsync, &commit); err != nil {
		return err
	}
	if fsync != "on" {
		return ident.Errorf(ident.KindUnsupported, "the database server runs with fsync=%s and may lose acknowledged documents", fsync).
			WithHint("set fsync = on in postgresql.conf")
	}
	if commit != "on" && commit != "remote_apply" {
		if _, err := c.Exec(ctx, "SET synchronous_commit = on"); err != nil {
			return err
		}
	}
	return nil
}

type engine struct {
	pool     *pgxpool.Pool
	patience time.Duration
	hints    *hints
	closing  sync.Once
	numbered sync.Map // statements with question marks → with numbers; bounded by the ledger's statements
}

func (e *engine) migrate(ctx context.Context, steps fs.FS) error {
	if steps == nil {
		var err error
		if steps, err = fs.Sub(migrations, "migrations"); err != nil {
			return err
		}
	}
	list, err := ledger.Migrations(steps)
	if err != nil {
		return err
	}
	return ledger.Migrate(ctx, schema{e}, list)
}

type schema struct{ *engine }

func (s schema) Applied(ctx context.Context) ([]string, error) {
	var there bool
	err := s.pool.QueryRow(ctx, "SELECT to_regclass('migration') IS NOT NULL").Scan(&there)
	if err != nil || !there {
		return nil, classify("read the schema", err, false)
	}
	rows, err := s.pool.Query(ctx, "SELECT sum FROM migration ORDER BY version")
	if err != nil {
		return nil, classify("read the schema", err, false)
	}
	sums, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return sums, classify("read the schema", err, false)
}

func (s schema) Apply(ctx context.Context, m ledger.Migration) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL, sum TEXT NOT NULL)"); err != nil {
			return err
		}
		var n int64
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM migration").Scan(&n); err != nil || n >= int64(m.Version) {
			return err
		}
		// The simple protocol takes a file of many statements.
		if _, err := tx.Conn().PgConn().Exec(ctx, m.SQL).ReadAll(); err != nil {
			return err
		}
		if m.Then != nil {
			if err := m.Then(ctx, &transaction{engine: s.engine, tx: tx}); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "INSERT INTO migration (version, name, sum) VALUES ($1, $2, $3)", int64(m.Version), m.Name, m.Sum)
		return err
	})
	return classify("migrate the schema", err, false)
}

// classify turns an error of the database into the class that says what to do.
// commit is set where the COMMIT itself failed.
func classify(what string, err error, commit bool) error {
	var own *ident.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	wrap := func(class error, hint string) error {
		return &ident.Error{Kind: ident.KindFailure, Message: "could not " + what + ": " + err.Error(), Hint: hint, Err: errors.Join(class, err)}
	}
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		switch {
		case strings.HasPrefix(pg.Code, "40"), // serialization failure, deadlock: rolled back
			pg.Code == "55P03": // lock_timeout
			return wrap(store.ErrRetryLater, "")
		case strings.HasPrefix(pg.Code, "53"):
			return wrap(store.ErrRetryLater, "the database server is out of resources (disk, memory or connections)")
		case strings.HasPrefix(pg.Code, "57"), strings.HasPrefix(pg.Code, "08"), pg.Code == "25P03", pg.Code == "25006":
			// Shutting down, starting up, connection trouble, a change that idled too long,
			// a server that became a standby. Of a commit it may come after the fact.
			if commit {
				return wrap(store.ErrUnknownOutcome, "the database server is going away or starting")
			}
			return wrap(store.ErrRetryLater, "the database server is going away or starting")
		}
		return wrap(nil, "")
	case commit && errors.Is(err, pgx.ErrTxCommitRollback):
		return wrap(store.ErrRetryLater, "")
	case commit:
		return wrap(store.ErrUnknownOutcome, "the connection was lost while the database committed")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case strings.Contains(err.Error(), "closed pool"):
		return wrap(store.ErrClosed, "")
	}
	return wrap(store.ErrRetryLater, "the database cannot be reached")
}
