//go:build !unix

package app

import (
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

func usage() (cpu time.Duration, peak int64, err error) {
	return 0, 0, ident.Errorf(ident.KindUsage, "CPU time is not measured on this system")
}
