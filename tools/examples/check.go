package main

func check(dir string, book *recipes) error { return nil }
