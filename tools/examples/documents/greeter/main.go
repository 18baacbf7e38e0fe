// Command greeter is in the images that other tools describe for our tests. Its
// one dependency has a real advisory (GO-2022-1059).
package main

import (
	"fmt"
	"os"

	"golang.org/x/text/language"
)

func main() {
	tags, _, err := language.ParseAcceptLanguage(os.Getenv("ACCEPT_LANGUAGE"))
	fmt.Println("Hello.", tags, err)
}
