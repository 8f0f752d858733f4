module go-github-client

go 1.24.0

require github.com/google/go-github/v81 v81.0.0

require github.com/google/go-querystring v1.1.0 // indirect
