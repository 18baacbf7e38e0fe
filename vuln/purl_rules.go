package vuln

// presence is whether a type's definition allows a namespace.
type presence uint8

const (
	optional presence = iota
	required
	prohibited
)

// purlRule is what the definition of a type says about its components.
type purlRule struct {
	namespace                               presence
	lowerNamespace, lowerName, lowerVersion bool
}

// purlRules holds the registered types of ECMA-427's companion list
// (purl-types-index).
var purlRules = map[string]purlRule{
	"alpm":             {namespace: required, lowerNamespace: true, lowerName: true},
	"apk":              {namespace: required, lowerNamespace: true, lowerName: true},
	"bazel":            {namespace: prohibited},
	"bitbucket":        {namespace: required, lowerNamespace: true, lowerName: true},
	"bitnami":          {namespace: prohibited, lowerName: true},
	"brew":             {lowerNamespace: true, lowerName: true},
	"cargo":            {namespace: prohibited},
	"chrome-extension": {namespace: prohibited, lowerName: true},
	"cocoapods":        {namespace: prohibited},
	"composer":         {namespace: required, lowerNamespace: true, lowerName: true},
	"conan":            {},
	"conda":            {namespace: prohibited},
	"cpan":             {},
	"cran":             {namespace: prohibited},
	"deb":              {namespace: required, lowerNamespace: true, lowerName: true},
	"docker":           {},
	"gem":              {namespace: prohibited},
	"generic":          {},
	"git":              {namespace: required},
	"github":           {namespace: required, lowerNamespace: true, lowerName: true},
	"golang":           {},
	"hackage":          {namespace: prohibited},
	"hex":              {lowerNamespace: true, lowerName: true},
	"huggingface":      {namespace: required, lowerVersion: true},
	"julia":            {namespace: prohibited},
	"luarocks":         {lowerNamespace: true, lowerName: true},
	"maven":            {namespace: required},
	"mlflow":           {namespace: prohibited},
	"npm":              {},
	"nuget":            {namespace: prohibited},
	"oci":              {namespace: prohibited, lowerName: true},
	"opam":             {namespace: prohibited},
	"otp":              {namespace: prohibited, lowerName: true},
	"pub":              {namespace: prohibited, lowerName: true},
	"pypi":             {namespace: prohibited, lowerName: true, lowerVersion: true},
	"qpkg":             {namespace: required, lowerNamespace: true},
	"rpm":              {namespace: required, lowerNamespace: true},
	"swid":             {},
	"swift":            {namespace: required},
	"vcpkg":            {namespace: prohibited},
	"vscode-extension": {namespace: required, lowerNamespace: true, lowerName: true, lowerVersion: true},
	"yocto":            {lowerNamespace: true},
}
