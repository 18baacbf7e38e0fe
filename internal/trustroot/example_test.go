package trustroot_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/trustroot"
)

func Example() {
	r := trustroot.Repository{Mirror: "https://tuf.example"} // no Dir: nothing can be kept
	_, _, err := r.TrustedRoot(context.Background(), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	fmt.Println(err)
	// Output: there is no folder to keep the trusted root in
}
