module s3go

go 1.19
