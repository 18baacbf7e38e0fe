package trustroot

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Carried is a TUF repository whose files somebody carried here. It is judged as one that
// is asked, without network and without a copy on disk.
type Carried struct {
	Root          []byte            // the first root.json that is trusted
	Files         map[string][]byte // by their paths; the repository is the folder of timestamp.json
	Targets, File string            // the folder of targets and the one that is asked for; "": targets, and Target
}

// carrier is the address that a carried repository seems to be at; nothing is asked there.
const carrier = "https://carried.invalid"

// TrustedRoot returns the trusted root as of now. An error is of KindIndeterminate: metadata
// that do not verify, are not there or have expired say nothing.
func (c Carried) TrustedRoot(now time.Time) ([]byte, error) {
	raw, err := c.read(now)
	if err != nil {
		e := ident.Errorf(ident.KindIndeterminate, "the repository that the resource carries gives no trusted root (%s)", reason(err))
		e.Err = err
		return nil, e.WithHint("pack the mirror anew: timestamps of TUF repositories end after days")
	}
	return raw, nil
}

func (c Carried) read(now time.Time) ([]byte, error) {
	cfg, err := config.New(carrier, c.Root)
	if err != nil {
		return nil, err
	}
	targets, file := c.Targets, c.File
	if targets == "" {
		targets = "targets"
	}
	if file == "" {
		file = Target
	}
	base, ok := c.base()
	if !ok {
		return nil, fmt.Errorf("it has no timestamp.json")
	}
	cfg.RemoteTargetsURL = carrier + "/" + targets
	cfg.DisableLocalCache, cfg.PrefixTargetsWithHash = true, true
	cfg.Fetcher = files{c.Files, base}
	up, _, err := refresh(cfg, now)
	if err != nil {
		return nil, err
	}
	return (&copied{up, file}).target()
}

// base is the folder that the repository lies in: that of the outermost timestamp.json.
func (c Carried) base() (string, bool) {
	best, found := "", false
	for name := range c.Files {
		if dir := path.Dir(name); path.Base(name) == "timestamp.json" && (!found || len(dir) < len(best) || len(dir) == len(best) && dir < best) {
			best, found = dir, true
		}
	}
	return best, found
}

// files is go-tuf's way to a carried repository.
type files struct {
	all  map[string][]byte
	base string
}

// DownloadFile returns a file of at most some bytes.
func (f files) DownloadFile(address string, most int64, _ time.Duration) ([]byte, error) {
	raw, ok := f.all[path.Join(f.base, strings.TrimPrefix(address, carrier))]
	switch {
	case !ok:
		return nil, &metadata.ErrDownloadHTTP{StatusCode: 404, URL: address}
	case int64(len(raw)) > most:
		return nil, &metadata.ErrDownloadLengthMismatch{Msg: fmt.Sprintf("%s has more than %d bytes", address, most)}
	}
	return raw, nil
}
