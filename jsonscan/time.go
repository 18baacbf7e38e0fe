package jsonscan

import "time"

// Time reads a string that is a time of RFC 3339, in UTC. "" is the zero time; of any
// other text wrong is told where it stands, and it is the zero time too.
func (r *Reader) Time(wrong func(pointer, message string)) time.Time {
	s := r.String()
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		wrong(r.Pointer(), "not a time in RFC 3339")
		return time.Time{}
	}
	return t.UTC()
}
