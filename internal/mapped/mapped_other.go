//go:build !unix

package mapped

import "errors"

func acquire(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func forget([]byte) {}

func free([]byte) {}
