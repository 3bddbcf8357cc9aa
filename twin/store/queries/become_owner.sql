SET ROLE twin_owner
