// Package command makes a client in Go a command: `WHAT [WORD...]`, see ../README.md.
package command

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

var (
	Owner, Repo, _ = strings.Cut(os.Getenv("REPOSITORY"), "/")
	Server, Token  = os.Getenv("SERVER"), os.Getenv("TOKEN")
	words          []string
)

// Whats are what can be asked for.
type Whats map[string]func() (any, error)

// Word is the one behind what is asked for, counted from 0.
func Word(index int) string { return words[index] }

// Has says whether there is such a word.
func Has(index int) bool { return index < len(words) }

// Number is a word as a number.
func Number(index int) int64 {
	found, _ := strconv.ParseInt(words[index], 10, 64)
	return found
}

// One gives what was found.
func One[T, R any](found T, _ R, err error) (any, error) { return found, err }

// Done gives an empty object.
func Done[R any](_ R, err error) (any, error) { return struct{}{}, err }

// Run asks for what the command's arguments name, and writes bytes as they are, all else as JSON; `err` is that of
// making the client.
func Run(whats Whats, err error) {
	var found any
	if err == nil {
		words = os.Args[2:]
		found, err = whats[os.Args[1]]()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%T: %v\n", err, err)
		os.Exit(1)
	}
	if data, is := found.([]byte); is {
		os.Stdout.Write(data)
		return
	}
	json.NewEncoder(os.Stdout).Encode(found)
}
