package job

import (
	"hash/fnv"
	"time"
)

// Schedule is a time of every day, in UTC.
type Schedule struct {
	Hour   time.Duration // since midnight; below 24 hours
	Jitter time.Duration // up to how much later, each day and on each server another time; below 24 hours
}

// due is when it is due on the day of a time.
func (s Schedule) due(t time.Time, server string) time.Time {
	t = t.UTC()
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	at := day.Add(s.Hour)
	if s.Jitter > 0 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(day.Format(time.DateOnly) + " " + server)) // a hash takes everything
		at = at.Add(time.Duration(h.Sum64() % uint64(s.Jitter)))         // #nosec G115 -- both are below 24 hours
	}
	return at
}

// Last is when it was due last on a server, now included.
func (s Schedule) Last(now time.Time, server string) time.Time {
	for back := range 3 { // what is due late on one day may come after midnight
		if at := s.due(now.AddDate(0, 0, 1-back), server); !at.After(now) {
			return at
		}
	}
	return s.due(now.AddDate(0, 0, -2), server)
}

// Next is when it is due next on a server, after now.
func (s Schedule) Next(now time.Time, server string) time.Time {
	for ahead := -1; ; ahead++ {
		if at := s.due(now.AddDate(0, 0, ahead), server); at.After(now) {
			return at
		}
	}
}
