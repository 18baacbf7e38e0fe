//go:build !unix

package catalog

import "errors"

func mapMemory(int64) ([]byte, error) { return nil, errors.ErrUnsupported }

func forgetMemory([]byte) {}

func unmapMemory([]byte) {}
