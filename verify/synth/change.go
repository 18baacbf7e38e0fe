package synth

import (
	"encoding/base64"
	"fmt"
)

// In walks into an object by names and numbers. What is not there panics: the object is
// one that a test made.
func In(o any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			o = o.(map[string]any)[p] //nolint:forcetypeassert // it panics
		case int:
			o = o.([]any)[p] //nolint:forcetypeassert // it panics
		}
	}
	return o
}

// Set sets what is at the end of a path; nil takes a name out.
func Set(o Object, value any, path ...any) {
	at := In(o, path[:len(path)-1]...)
	switch last := path[len(path)-1].(type) {
	case string:
		if value == nil {
			delete(at.(map[string]any), last) //nolint:forcetypeassert // it panics
			return
		}
		at.(map[string]any)[last] = value //nolint:forcetypeassert // it panics
	case int:
		at.([]any)[last] = value //nolint:forcetypeassert // it panics
	}
}

// Flip changes one bit in the middle of what is encoded at a place.
func Flip(o Object, path ...any) {
	text, _ := In(o, path...).(string)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(fmt.Sprintf("no base64 at %v", path))
	}
	raw[len(raw)/2] ^= 1
	Set(o, encode(raw), path...)
}
