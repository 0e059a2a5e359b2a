"""Machines, network and names in an AWS account, through boto3."""
