package epss

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// MaxBytes bounds one file, uncompressed. The real one has some 300,000 rows in 10 MB.
const MaxBytes = 64 << 20

// Limits bound what is read.
type Limits struct {
	// MaxBytes replaces the constant of that name where it is positive.
	MaxBytes int
}

// Decode reads the scores of one day. name is for messages only. The error is an
// ident.Error: KindUnsupported for a document of another kind, KindInvalid for a
// broken one, KindLimit beyond a limit; or it is the context's.
func Decode(ctx context.Context, name string, raw []byte, limits Limits) (*vuln.Likelihoods, error) {
	most := MaxBytes
	if limits.MaxBytes > 0 {
		most = limits.MaxBytes
	}
	if bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		var err error
		if raw, err = inflate(raw, most); err != nil {
			return nil, within(name, 0, err)
		}
	}
	if len(raw) > most {
		return nil, within(name, 0, ident.Errorf(ident.KindLimit, "it has more than %d bytes", most))
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	model, asOf, rest, line, err := header(raw)
	if err != nil {
		return nil, within(name, line, err)
	}
	scores := make([]vuln.ScoredCVE, 0, bytes.Count(rest, []byte(","))/2+1)
	for len(rest) > 0 {
		line++
		if line%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		s, err := row(string(text))
		if err != nil {
			return nil, within(name, line, err)
		}
		scores = append(scores, s)
	}
	if len(scores) == 0 {
		return nil, within(name, 0, ident.Errorf(ident.KindInvalid, "it has no scores"))
	}
	l, refused := vuln.NewLikelihoods(model, asOf, scores)
	if len(refused) > 0 {
		return nil, within(name, 0, ident.Errorf(ident.KindInvalid, "%.40q is no CVE identifier, or has two scores", refused[0]))
	}
	return l, ctx.Err()
}

func inflate(raw []byte, most int) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the gzip stream cannot be read: %w", err)
	}
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, io.LimitReader(z, int64(most)+1)); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the gzip stream is cut short or damaged: %w", err)
	}
	return buf.Bytes(), nil
}

// header reads "#model_version:v2025.03.14,score_date:2026-11-20T12:55:00Z" and the
// names of the columns, and returns what follows.
func header(raw []byte) (model string, asOf time.Time, rest []byte, line int, err error) {
	none := func() (string, time.Time, []byte, int, error) {
		return "", time.Time{}, nil, 0, ident.Errorf(ident.KindUnsupported, "is no file of EPSS scores: it does not begin with their model and date").
			WithHint("it is published daily as epss_scores-YYYY-MM-DD.csv.gz; its first line is #model_version:…,score_date:…")
	}
	text, rest, _ := bytes.Cut(raw, []byte("\n"))
	if !bytes.HasPrefix(text, []byte("#")) {
		return none()
	}
	for part := range strings.SplitSeq(strings.TrimSpace(string(text[1:])), ",") {
		key, value, _ := strings.Cut(part, ":")
		switch strings.TrimSpace(key) {
		case "model_version":
			model = strings.TrimSpace(value)
		case "score_date":
			if asOf, err = date(strings.TrimSpace(value)); err != nil {
				return "", time.Time{}, nil, 1, err
			}
		}
	}
	if model == "" || asOf.IsZero() {
		return none()
	}
	text, rest, _ = bytes.Cut(rest, []byte("\n"))
	if got := strings.TrimSpace(string(text)); got != "cve,epss,percentile" {
		return "", time.Time{}, nil, 2, ident.Errorf(ident.KindInvalid, "the columns are %.60q, and should be cve,epss,percentile", got)
	}
	return model, asOf, rest, 2, nil
}

// date reads a day, with or without a time of it; the zone is written with and
// without a colon.
func date(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, ident.Errorf(ident.KindInvalid, "%.40q is no date", s)
}

func row(text string) (vuln.ScoredCVE, error) {
	var s vuln.ScoredCVE
	id, rest, ok := strings.Cut(text, ",")
	epss, percentile, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 {
		return s, ident.Errorf(ident.KindInvalid, "%.60q has not three columns", text)
	}
	s.ID = id
	for _, x := range []struct {
		text string
		into *float64
	}{{epss, &s.Probability}, {percentile, &s.Percentile}} {
		f, err := strconv.ParseFloat(x.text, 64)
		if err != nil || math.IsNaN(f) || f < 0 || f > 1 {
			return s, ident.Errorf(ident.KindInvalid, "%.40q is no number from 0 to 1", x.text)
		}
		*x.into = f
	}
	return s, nil
}

// within says where an error is; line 0 is not known.
func within(name string, line int, err error) error {
	var e *ident.Error
	if !errors.As(err, &e) {
		return err
	}
	if line > 0 {
		name += ":" + strconv.Itoa(line)
	}
	return e.At(name)
}
