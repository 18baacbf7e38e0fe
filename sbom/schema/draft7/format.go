package draft7

import (
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/cofferdam-io/cofferdam/sbom/schema/iri"
)

// formats are the formats that the official schemas use, all asserted. "string" is no format of any standard; CycloneDX
// 1.2 writes it by mistake, and a format that is not defined accepts everything (Validation draft-07, section 7.1).
var formats = map[string]func(string) error{
	"date-time":     dateTime,
	"date":          fullDate,
	"idn-email":     email,
	"iri-reference": iri.Reference,
	"uri":           iri.Absolute,
	"string":        func(string) error { return nil },
}

// CheckFormat judges s by a format of draft-07; known is false for a format that no official schema uses.
func CheckFormat(name, s string) (known bool, err error) {
	check, ok := formats[name]
	if !ok {
		return false, nil
	}
	return true, check(s)
}

// fullDate judges an RFC 3339 full-date.
func fullDate(s string) error {
	if len(s) != len(time.DateOnly) {
		return errors.New("a date is written YYYY-MM-DD (RFC 3339)")
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return errors.New("a date is written YYYY-MM-DD (RFC 3339)")
	}
	return nil
}

// dateTime judges an RFC 3339 date-time, section 5.6, with leap seconds, which time.Parse refuses.
func dateTime(s string) error {
	wrong := errors.New("a date-time is written like 2026-11-21T07:05:00Z, with a time zone (RFC 3339)")
	if len(s) < len("2006-01-02T15:04:05Z") || s[10] != 'T' && s[10] != 't' || fullDate(s[:10]) != nil {
		return wrong
	}
	hour, ok1 := twoDigits(s[11:], ':')
	minute, ok2 := twoDigits(s[14:], ':')
	second, ok3 := twoDigits(s[17:], 0)
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 60 {
		return wrong
	}
	zone := s[19:]
	if zone[0] == '.' {
		digits := len(zone[1:]) - len(strings.TrimLeft(zone[1:], "0123456789"))
		if digits == 0 {
			return wrong
		}
		zone = zone[1+digits:]
	}
	offset := 0
	if zone != "Z" && zone != "z" {
		if len(zone) != len("+00:00") || zone[0] != '+' && zone[0] != '-' {
			return wrong
		}
		zh, ok1 := twoDigits(zone[1:], ':')
		zm, ok2 := twoDigits(zone[4:], 0)
		if !ok1 || !ok2 || zh > 23 || zm > 59 {
			return wrong
		}
		offset = zh*60 + zm
		if zone[0] == '-' {
			offset = -offset
		}
	}
	// A leap second is the last of a UTC day (RFC 3339, section 5.7).
	const day = 24 * 60
	if second == 60 && (hour*60+minute-offset+2*day)%day != day-1 {
		return wrong
	}
	return nil
}

// twoDigits reads two digits, and the separator that must follow them unless it is 0.
func twoDigits(s string, sep byte) (int, bool) {
	if len(s) < 2 || s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' {
		return 0, false
	}
	if sep != 0 && (len(s) < 3 || s[2] != sep) {
		return 0, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), true
}

// email judges a mailbox with international characters: RFC 5321, section 4.1.2, as RFC 6531, section 3.3, extends it.
func email(s string) error {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return errors.New(`an email address has an "@"`)
	}
	local, domain := s[:at], s[at+1:]
	if len(local) > 1 && strings.HasPrefix(local, `"`) && strings.HasSuffix(local, `"`) {
		if !quoted(local[1 : len(local)-1]) {
			return errors.New(`the quoted part before the "@" is malformed`)
		}
	} else if !dotAtom(local) {
		return errors.New(`the part before the "@" is malformed`)
	}
	if strings.HasPrefix(domain, "[") && strings.HasSuffix(domain, "]") {
		if strings.ContainsAny(domain[1:len(domain)-1], "[]\\ ") || len(domain) == 2 {
			return errors.New(`the address after the "@" is malformed`)
		}
		return nil
	}
	for label := range strings.SplitSeq(domain, ".") {
		if !domainLabel(label) {
			return errors.New(`the domain after the "@" is malformed`)
		}
	}
	return nil
}

// quoted judges the inside of a Quoted-string: quotes and backslashes are escaped.
func quoted(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			if i++; i == len(s) {
				return false
			}
		} else if s[i] == '"' {
			return false
		}
		if s[i] < ' ' || s[i] == 0x7F {
			return false
		}
	}
	return true
}

func dotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			ascii := r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
			if !ascii && (r < 0xA0 || unicode.IsSpace(r)) {
				return false
			}
		}
	}
	return true
}

func domainLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, r := range s {
		ascii := r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-'
		if !ascii && (r < 0xA0 || !unicode.IsGraphic(r) || unicode.IsSpace(r)) {
			return false
		}
	}
	return true
}
