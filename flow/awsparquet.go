package flow

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/flow/parquet"
	"github.com/cofferdam-io/cofferdam/ident"
)

// parquet reads flow logs of Amazon VPC that were delivered as Parquet: the fields
// of the text are columns, with underscores for hyphens. The whole file has to be in
// memory, since its directory stands at its end.
func (s *source) parquet(ctx context.Context, in *input) error {
	data, err := io.ReadAll(&limited{r: in, left: parquet.MaxBytes})
	if errors.Is(err, errTooMuch) {
		return ident.Errorf(ident.KindLimit, "Parquet: more than %d MiB", parquet.MaxBytes>>20).At(s.info.Name).
			WithHint("split it, or write it as CSV with the columns of docs/flows.md")
	}
	if err != nil {
		return s.readError(err)
	}
	f, err := parquet.Open(data)
	if err != nil {
		return s.readError(err)
	}
	p := newAWS()
	columns := make([]string, numAWS)
	names := make([][]byte, numAWS)
	for k, name := range awsNames {
		columns[k] = strings.ReplaceAll(name, "-", "_")
		if f.Has(columns[k]) {
			names[k] = []byte(name)
		}
	}
	if p.headings(names); p.lacks != "" {
		return ident.Errorf(ident.KindUnsupported, "Parquet: %s", p.lacks).At(s.info.Name).WithHint("flow logs of Amazon VPC are read; docs/flows.md says which columns")
	}
	fields, scratch := make([][]byte, numAWS), [numAWS][20]byte{} // of the longest number
	left := s.a.o.MaxBytes                                        // of the text that it would be
	err = f.Rows(ctx, columns, func(row []parquet.Value) error {
		s.line++
		for k := range row {
			fields[k] = row[k].Bytes(scratch[k][:0])
			left -= int64(len(fields[k]) + 1)
		}
		if left < 0 {
			return errTooMuch
		}
		p.record(s, fields)
		return nil
	})
	if err != nil {
		return s.readError(err)
	}
	return nil
}
