package manifest

import (
	"math"
	"strconv"
	"strings"
)

// resolvePlain gives a plain YAML scalar the type that Kubernetes gives it.
// kubectl and the API server read YAML through sigs.k8s.io/yaml, that is by the
// YAML 1.1 types (https://yaml.org/type/): yes, on and y are booleans, 0777 is
// octal, and dates stay strings. text is canonical as JSON would have it.
func resolvePlain(s string) (kind nodeKind, text string) {
	if s == "" {
		return nullNode, ""
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.':
		return resolveNumber(s)
	case strings.IndexByte("~nNyYtTfFoO", c) < 0 || len(s) > len("false"):
		return stringNode, s
	}
	switch s {
	case "~", "null", "Null", "NULL":
		return nullNode, ""
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return boolNode, "true"
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return boolNode, "false"
	}
	return stringNode, s
}

func resolveNumber(s string) (kind nodeKind, text string) {
	switch s {
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN":
		return floatNode, s
	}
	if !numberLike(s) {
		return stringNode, s
	}
	plain := strings.ReplaceAll(s, "_", "")
	if s[0] == '.' {
		plain = s
	} else {
		if v, err := strconv.ParseInt(plain, 0, 64); err == nil {
			return intNode, strconv.FormatInt(v, 10)
		}
		if v, err := strconv.ParseUint(plain, 0, 64); err == nil {
			return intNode, strconv.FormatUint(v, 10)
		}
		if !decimalFloat(plain) {
			return stringNode, s
		}
	}
	v, err := strconv.ParseFloat(plain, 64)
	if err != nil {
		return stringNode, s
	}
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return intNode, strconv.FormatInt(int64(v), 10)
	}
	return floatNode, strconv.FormatFloat(v, 'g', -1, 64)
}

// numberLike turns away what begins as a number and cannot be one, such as an
// address, a digest or a time, before the costly attempts.
func numberLike(s string) bool {
	if len(s) > 80 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		case c == '.', c == '_', c == '+', c == '-', c == 'x', c == 'X', c == 'o', c == 'O', c == 'p', c == 'P':
		default:
			return false
		}
	}
	return true
}

// decimalFloat is YAML 1.1's [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?.
func decimalFloat(s string) bool {
	i := 0
	if s != "" && (s[0] == '+' || s[0] == '-') {
		i = 1
	}
	digits := func() (n int) {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i, n = i+1, n+1
		}
		return n
	}
	whole, fraction := digits(), 0
	if i < len(s) && s[i] == '.' {
		i++
		fraction = digits()
	}
	if whole+fraction == 0 {
		return false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if digits() == 0 {
			return false
		}
	}
	return i == len(s)
}
