package xsd

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom/schema/iri"
)

// builtins returns the builtin simple types that the schemas use, by local name (XML Schema part 2, section 3).
func builtins() map[string]*simple {
	types := map[string]*simple{}
	add := func(name, base string, w whitespace, check func(string) error) {
		types[name] = &simple{rule: "xs:" + name, builtin: name, base: types[base], white: w, check: check}
	}
	anything := func(string) error { return nil }
	add("anySimpleType", "", preserve, anything)
	add("string", "anySimpleType", preserve, anything)
	add("normalizedString", "string", replace, anything)
	add("token", "normalizedString", collapse, anything)
	add("anyURI", "anySimpleType", collapse, func(s string) error {
		if err := iri.AnyURI(s); err != nil {
			return fmt.Errorf("a URI reference (%w)", err)
		}
		return nil
	})
	add("boolean", "anySimpleType", collapse, func(s string) error {
		if s == "true" || s == "false" || s == "1" || s == "0" {
			return nil
		}
		return errors.New("a boolean (true, false, 1 or 0)")
	})
	add("decimal", "anySimpleType", collapse, func(s string) error {
		if !isDecimal(s) {
			return errors.New("a decimal number")
		}
		return nil
	})
	add("integer", "decimal", collapse, func(s string) error {
		if !isInteger(s) {
			return errors.New("an integer")
		}
		return nil
	})
	add("nonNegativeInteger", "integer", collapse, func(s string) error {
		if !isInteger(s) || strings.HasPrefix(s, "-") && strings.Trim(s, "-0") != "" {
			return errors.New("an integer of 0 or more")
		}
		return nil
	})
	add("positiveInteger", "nonNegativeInteger", collapse, func(s string) error {
		if !isInteger(s) || strings.HasPrefix(s, "-") || strings.Trim(s, "+0") == "" {
			return errors.New("an integer above 0")
		}
		return nil
	})
	add("date", "anySimpleType", collapse, func(s string) error {
		if m := dateForm.FindStringSubmatch(s); m == nil || !dateHolds(m[1:4]) || !zoneHolds(m[4]) {
			return errors.New("a date like 2026-11-21")
		}
		return nil
	})
	add("dateTime", "anySimpleType", collapse, func(s string) error {
		if m := dateTimeForm.FindStringSubmatch(s); m == nil || !dateHolds(m[1:4]) || !timeHolds(m[4:8]) || !zoneHolds(m[8]) {
			return errors.New("a date and time like 2026-11-21T07:05:00Z")
		}
		return nil
	})
	return types
}

func isDecimal(s string) bool {
	s = strings.TrimLeft(s[:min(1, len(s))], "+-") + s[min(1, len(s)):]
	whole, frac, point := strings.Cut(s, ".")
	return allDigits(whole) && allDigits(frac) && (whole != "" || point && frac != "")
}

func isInteger(s string) bool { return isDecimal(s) && !strings.Contains(s, ".") }

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// The lexical forms of XML Schema part 2, sections 3.2.7.1 and 3.2.9.1.
const (
	dateText = `-?((?:[1-9][0-9]{3,}|0[0-9]{3}))-([0-9]{2})-([0-9]{2})`
	zoneText = `(Z|[+-][0-9]{2}:[0-9]{2})?`
)

var (
	dateForm     = regexp.MustCompile(`^` + dateText + zoneText + `$`)
	dateTimeForm = regexp.MustCompile(`^` + dateText + `T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?` + zoneText + `$`)
)

// dateHolds judges year, month and day; there is no year 0000 (section 3.2.7.1).
func dateHolds(m []string) bool {
	year, month, day := m[0], atoi(m[1]), atoi(m[2])
	if strings.Trim(year, "0") == "" || month < 1 || month > 12 || day < 1 {
		return false
	}
	// The calendar repeats every 400 years, so the last four digits decide about leap years.
	y := atoi(year[len(year)-4:])
	days := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0) {
		days = 29
	}
	return day <= days
}

// timeHolds judges hour, minute, second and fraction; 24:00:00 is the end of a day.
func timeHolds(m []string) bool {
	h, minute, s := atoi(m[0]), atoi(m[1]), atoi(m[2])
	if h == 24 {
		return minute == 0 && s == 0 && strings.Trim(m[3], ".0") == ""
	}
	return h < 24 && minute < 60 && s < 60
}

func zoneHolds(z string) bool {
	if z == "" || z == "Z" {
		return true
	}
	h, minute := atoi(z[1:3]), atoi(z[4:6])
	return h < 14 && minute < 60 || h == 14 && minute == 0
}

// atoi reads digits that a form has checked.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
