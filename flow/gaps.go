package flow

import (
	"cmp"
	"slices"
	"time"
)

// The window is watched by the hour, one bit each.
const (
	firstHour = firstSecond / 3600
	lastHour  = lastSecond / 3600
)

// longestSpan is how long a record may be for every hour of it to count as
// watched: a connection of a month is no sign that others were recorded.
const longestSpan = 48

// gapsShown is how many gaps an answer lists.
const gapsShown = 20

// sawTime notes when a record was made.
func (s *source) sawTime(r *record) {
	if r.first == noTime {
		s.a.undated++
		return
	}
	if s.first == noTime || r.first < s.first {
		s.first = r.first
	}
	s.last = max(s.last, r.last)
	from, to := r.first/int64(time.Hour)-firstHour, r.last/int64(time.Hour)-firstHour
	s.a.hours[from>>6] |= 1 << (from & 63)
	if from == to {
		return
	}
	s.a.hours[to>>6] |= 1 << (to & 63)
	if to-from <= longestSpan {
		for h := from + 1; h < to; h++ {
			s.a.hours[h>>6] |= 1 << (h & 63)
		}
	}
}

// gaps returns the longest times without a record between the first and the last.
func (a *Aggregator) gaps() []Gap {
	var out []Gap
	last := -1
	for w, bits := range a.hours {
		for b := 0; bits != 0; b++ {
			if bits&1 != 0 {
				if h := w*64 + b; last >= 0 && h > last+1 {
					out = append(out, Gap{From: hourAt(last + 1), Until: hourAt(h)})
					last = h
				} else {
					last = h
				}
			}
			bits >>= 1
		}
	}
	slices.SortStableFunc(out, func(x, y Gap) int { return cmp.Compare(y.Until.Sub(y.From), x.Until.Sub(x.From)) })
	return out[:min(len(out), gapsShown)]
}

func hourAt(h int) time.Time { return time.Unix(int64(h+firstHour)*3600, 0).UTC() }
