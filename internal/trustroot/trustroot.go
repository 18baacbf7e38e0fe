package trustroot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Target is the name of the trusted root in a TUF repository of Sigstore's.
const Target = "trusted_root.json"

// Limits of one refresh.
const (
	maxTargetBytes = 4 << 20          // public good's has 7 KiB
	timeout        = 20 * time.Second // of one request
	warnBefore     = 48 * time.Hour   // a note says that the copy on disk soon ends
)

// Repository is a TUF repository and the place where its copy is kept.
type Repository struct {
	Mirror string // "": the public good's
	Root   []byte // the first root.json that is trusted; nil: the public good's, which the program carries
	Dir    string // of the copy
	Client *http.Client
	// Targets is the mirror's folder of targets, and File the one that TrustedRoot returns;
	// "": targets, and Target.
	Targets, File string
}

// Staging is the repository of Sigstore's staging deployment, which signs for tests and
// which nobody should trust otherwise.
func Staging(dir string) Repository {
	return Repository{Mirror: tuf.StagingMirror, Root: tuf.StagingRoot(), Dir: dir}
}

// turns keeps two readers of one folder from writing it at once.
var turns sync.Map // folder → *sync.Mutex

// TrustedRoot returns the trusted root as of now, with what a user should know of it.
// Half-way between the last refresh and the end of what is on disk it is refreshed; until
// then, and while the mirror does not answer, the copy on disk is used, never past its
// end. Errors are of KindIndeterminate.
func (r Repository) TrustedRoot(ctx context.Context, now time.Time) (raw []byte, notes []string, err error) {
	if r.Mirror == "" {
		r.Mirror = tuf.DefaultMirror
	}
	if r.Root == nil {
		r.Root = tuf.DefaultRoot()
	}
	if r.File == "" {
		r.File = Target
	}
	u, err := url.Parse(r.Mirror)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, nil, ident.Errorf(ident.KindUsage, "%.200q is no address of a TUF repository", r.Mirror)
	}
	if r.Dir == "" {
		return nil, nil, ident.Errorf(ident.KindIndeterminate, "there is no folder to keep the trusted root in").WithHint("set COFFERDAM_CACHE to one, or name a root with --trusted-root")
	}
	r.Dir = filepath.Join(r.Dir, tuf.URLToPath(r.Mirror))
	turn, _ := turns.LoadOrStore(r.Dir, new(sync.Mutex))
	lock := turn.(*sync.Mutex) //nolint:forcetypeassert // nothing else is stored
	lock.Lock()
	defer lock.Unlock()

	kept, end, stale := r.open(ctx, now, true)
	if stale == nil && now.Before(r.due(end)) {
		if raw, err = kept.target(); err == nil {
			return raw, nil, nil
		}
	}
	fresh, _, failed := r.open(ctx, now, false)
	if failed == nil {
		if raw, failed = fresh.target(); failed == nil {
			return raw, nil, nil
		}
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if stale == nil {
		if raw, err := kept.target(); err == nil {
			note := fmt.Sprintf("the trusted root could not be refreshed (%s); the copy of %s is good until %s", reason(failed), r.refreshed().UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
			if end.Sub(now) < warnBefore {
				note += ", which is soon: after that nothing signed under a certificate can be checked"
			}
			return raw, []string{note}, nil
		}
	}
	e := ident.Errorf(ident.KindIndeterminate, "there is no trusted root: %s could not be asked (%s)", u.Host, reason(failed))
	e.Err = failed
	return nil, nil, e.WithHint("--trusted-root FILE needs no network; COFFERDAM_CACHE names the folder of a copy that another run made")
}

// refreshed is when the copy was last brought up to date.
func (r Repository) refreshed() time.Time {
	st, err := os.Stat(filepath.Join(r.Dir, "timestamp.json"))
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// due is when the copy is to be refreshed.
func (r Repository) due(end time.Time) time.Time {
	last := r.refreshed()
	return last.Add(end.Sub(last) / 2)
}

// copied is a set of metadata that verified.
type copied struct {
	up   *updater.Updater
	file string
}

// open verifies the repository's metadata, from disk alone or with a refresh, and
// returns when the first of them expires.
func (r Repository) open(ctx context.Context, now time.Time, local bool) (*copied, time.Time, error) {
	cfg, err := config.New(r.Mirror, r.Root)
	if err != nil {
		return nil, time.Time{}, err
	}
	if r.Targets != "" {
		if cfg.RemoteTargetsURL, err = url.JoinPath(r.Mirror, r.Targets); err != nil {
			return nil, time.Time{}, err
		}
	}
	cfg.LocalMetadataDir, cfg.LocalTargetsDir = r.Dir, filepath.Join(r.Dir, "targets")
	cfg.PrefixTargetsWithHash, cfg.UnsafeLocalMode = true, local
	cfg.Fetcher = fetcher{ctx, r.Client}
	if err := os.MkdirAll(cfg.LocalTargetsDir, 0o750); err != nil {
		return nil, time.Time{}, err
	}
	up, end, err := refresh(cfg, now)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !local {
		stamp := filepath.Join(r.Dir, "timestamp.json")
		_ = os.Chtimes(stamp, now, now) // an unchanged file was looked at all the same; without it the next run asks again
	}
	return &copied{up, r.File}, end, nil
}

// refresh verifies a repository's metadata as of now, and returns when the first of them
// expires.
func refresh(cfg *config.UpdaterConfig, now time.Time) (*updater.Updater, time.Time, error) {
	up, err := updater.New(cfg)
	if err != nil {
		return nil, time.Time{}, err
	}
	up.UnsafeSetRefTime(now)
	if err := up.Refresh(); err != nil {
		return nil, time.Time{}, err
	}
	set := up.GetTrustedMetadataSet()
	end := set.Root.Signed.Expires
	for _, t := range []time.Time{set.Timestamp.Signed.Expires, set.Snapshot.Signed.Expires, set.Targets[metadata.TARGETS].Signed.Expires} {
		if t.Before(end) {
			end = t
		}
	}
	if !now.Before(end) {
		return nil, time.Time{}, fmt.Errorf("the metadata expired at %s", end.UTC().Format(time.RFC3339))
	}
	return up, end, nil
}

// target returns the file that is asked for, from disk where it is the one that the metadata names.
func (c *copied) target() ([]byte, error) {
	info, err := c.up.GetTargetInfo(c.file)
	if err != nil {
		return nil, err
	}
	if info.Length > maxTargetBytes {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", c.file, info.Length, maxTargetBytes)
	}
	if path, raw, err := c.up.FindCachedTarget(info, ""); err == nil && path != "" {
		return raw, nil
	}
	_, raw, err := c.up.DownloadTarget(info, "", "")
	return raw, err
}

// fetcher is go-tuf's way to the network: within the caller's time, and with a limit.
type fetcher struct {
	ctx    context.Context
	client *http.Client
}

// DownloadFile returns the body of a GET.
func (f fetcher) DownloadFile(address string, most int64, _ time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(f.ctx, timeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", "cofferdam")
	client := f.client
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode != http.StatusOK {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: res.StatusCode, URL: address}
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err == nil && int64(len(raw)) > most {
		return nil, &metadata.ErrDownloadLengthMismatch{Msg: fmt.Sprintf("%s has more than %d bytes", address, most)}
	}
	return raw, err
}

// reason is the heart of an error, on one line.
func reason(err error) string {
	if err == nil {
		return "its target is missing"
	}
	var status *metadata.ErrDownloadHTTP
	if errors.As(err, &status) {
		return fmt.Sprintf("HTTP status %d", status.StatusCode)
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 160 {
		text = strings.ToValidUTF8(text[:160], "") + "…"
	}
	return text
}
